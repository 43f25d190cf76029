"""What a document becomes by events about it whose commits this database has lost."""

from dataclasses import replace
from uuid import UUID

from services.records.domain.documents import Head
from services.records.domain.facts import LABEL_MASKED, PATIENT_SIDE
from shared.contracts.records import (
    DocumentEvent,
    DocumentPublished,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)


def replay(head: Head, event: DocumentEvent, here: frozenset[UUID]) -> Head:
    """The document after the event; events come in the order in which they were announced.

    `here`: the documents of the record that this database has. What takes another's place and is lost takes none: it
    can be deposited again. What an event does not say is taken at its strictest.
    """
    match event:
        case DocumentPublished() if head.status == "received":
            return replace(
                head,
                status="published",
                labels=frozenset(event.labels),
                masked_by=(event.masked_by or "patient") if LABEL_MASKED in event.labels else None,
                shown_to_representatives=event.shown_to_representatives,
            )
        case DocumentRefused() if head.status == "received":
            return replace(head, status="refused")
        case DocumentReplaced():
            life = "superseded" if event.replaced_by in here else head.life
            return replace(head, life=life, version=head.version + 1, changed_at=event.replaced_at)
        case DocumentWithdrawn():
            changed = replace(head, version=head.version + 1, changed_at=event.withdrawn_at)
            return replace(changed, life="deleted", archived=False)
        case DocumentRelabelled():
            return _relabelled(head, event)
        case _:
            return head


def _relabelled(head: Head, event: DocumentRelabelled) -> Head:
    version = event.version or head.version + 1
    if version <= head.version:
        return head
    return replace(
        head,
        labels=frozenset(event.labels),
        archived=event.archived,
        masked_by=_masker(head, event, is_next=version == head.version + 1),
        shown_to_representatives=head.shown_to_representatives or event.change == "show-to-representatives",
        version=version,
        changed_at=event.changed_at,
    )


def _masker(head: Head, event: DocumentRelabelled, *, is_next: bool) -> str | None:
    """Whose mask it is. One that came by an event that is gone too is lifted by the patient's side alone."""
    if LABEL_MASKED not in event.labels:
        return None
    if event.change == "mask":
        return "patient" if event.actor.kind in PATIENT_SIDE else "author"
    return head.masked_by if is_next and LABEL_MASKED in head.labels else "patient"
