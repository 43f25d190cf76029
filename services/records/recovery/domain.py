"""Applies events to a document whose commits the database has lost."""

from dataclasses import replace
from uuid import UUID

from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import LABEL_MASKED
from shared.access.facts import PATIENT_SIDE
from shared.contracts.records import (
    DocumentEvent,
    DocumentPublished,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)


def replay(summary: DocumentSummary, event: DocumentEvent, present_ids: frozenset[UUID]) -> DocumentSummary:
    """Returns the document after the event. Events must come in the order in which they were announced.

    `present_ids`: the documents of the record that this database has. A replacement that is lost supersedes nothing,
    because it can be deposited again. Where an event leaves something open, the strictest reading holds.
    """
    match event:
        case DocumentPublished() if summary.status == "received":
            return replace(
                summary,
                status="published",
                labels=frozenset(event.labels),
                masked_by=(event.masked_by or "patient") if LABEL_MASKED in event.labels else None,
                shown_to_representatives=event.shown_to_representatives,
            )
        case DocumentRefused() if summary.status == "received":
            return replace(summary, status="refused")
        case DocumentReplaced():
            life = "superseded" if event.replaced_by in present_ids else summary.life
            return replace(summary, life=life, version=summary.version + 1, changed_at=event.replaced_at)
        case DocumentWithdrawn():
            changed = replace(summary, version=summary.version + 1, changed_at=event.withdrawn_at)
            return replace(changed, life="deleted", archived=False)
        case DocumentRelabelled():
            return _relabelled(summary, event)
        case _:
            return summary


def _relabelled(summary: DocumentSummary, event: DocumentRelabelled) -> DocumentSummary:
    version = event.version or summary.version + 1
    if version <= summary.version:
        return summary
    return replace(
        summary,
        labels=frozenset(event.labels),
        archived=event.archived,
        masked_by=_masker(summary, event, is_next=version == summary.version + 1),
        shown_to_representatives=summary.shown_to_representatives or event.change == "show-to-representatives",
        version=version,
        changed_at=event.changed_at,
    )


def _masker(summary: DocumentSummary, event: DocumentRelabelled, *, is_next: bool) -> str | None:
    """Returns who set the mask. A mask whose event is lost too is the patient's: only the patient side lifts it."""
    if LABEL_MASKED not in event.labels:
        return None
    if event.change == "mask":
        return "patient" if event.actor.kind in PATIENT_SIDE else "author"
    return summary.masked_by if is_next and LABEL_MASKED in summary.labels else "patient"
