"""A deposit was decided: its document is published, or refused for ever. It happens exactly once.

A published document takes the place of the one that it replaces in the same moment. Of two that would replace the same
one the first is published and the other refused.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.records.announcements import announce_effect
from services.records.domain.documents import DocumentStatus
from services.records.domain.facts import LABEL_MASKED, masked_by
from services.records.domain.patching import sorted_labels
from services.records.lost_documents import keep_lost
from services.records.store import copies, deposits
from services.records.store.copies import KnownVersions
from services.records.store.deposits import Settlement, Undecided
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentPublished, DocumentRefused, DocumentReplaced
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED, STEP_SECONDS
from shared.terminology.visibility import Visibility

Decided = Message[DepositDecided]
_HIDING = frozenset(one.value for one in Visibility)
_KEPT_FROM_REPRESENTATIVES = frozenset({Visibility.INVISIBLE_TO_REPRESENTATIVES.value})
REPLACED_ALREADY = "replaced-already"
"""Why a deposit that consent permitted is refused: the document whose place it would take is not there any more."""


class DocumentElsewhereError(PermanentError):
    """A decision is about a document that lies in another record."""

    code = "document-elsewhere"


@dataclass(frozen=True, slots=True)
class _Due:
    """A decision, its document as it will be, and the one whose place that takes. `reason`: why, if it is refused."""

    message: Decided
    document: Undecided
    reason: str | None
    old: Undecided | None = None

    @property
    def is_published(self) -> bool:
        return self.reason is None


async def settle_deposits(connection: Connection, messages: list[Decided]) -> None:
    """What is settled already stays as it is; what is not here any more is kept as lost.

    Raises DocumentElsewhereError.
    """
    first = {one.event.document_id: one for one in reversed(messages)}
    known = await deposits.lock_documents(connection, sorted(first))
    if any(id in known and known[id].record_id != one.event.record_id for id, one in first.items()):
        raise DocumentElsewhereError
    # Consent was told of these deposits, so they were accepted here, by commits that this database has lost.
    await keep_lost(connection, [one.event for id, one in first.items() if id not in known])
    first = {id: one for id, one in first.items() if id in known}
    due = _due([one for id, one in first.items() if known[id].status == "received"], known)
    if not due:
        return
    at = clock.now()
    await deposits.settle_documents(connection, [_settlement(one) for one in due], at)
    if superseded := [one.old.id for one in due if one.old is not None]:
        await deposits.supersede_documents(connection, superseded, at)
    events = [(one.message, event) for one in due for event in _events(one, at)]
    await append(connection, [announce_effect(event, cause=one) for one, event in events])
    for one in due:
        STEP_SECONDS.labels("published").observe(max(0.0, (at - one.message.event.decided_at).total_seconds()))
        if one.reason is not None:
            REFUSED.labels("deposit-document", one.reason).inc()


async def find_awaiting_version(connection: Connection, messages: list[Decided]) -> set[UUID]:
    """The decisions that rest on a version of a copy that is not in force here yet, or whose record is not recovered.

    A document that takes another's place would take over labels that are older than they were.
    """
    ids = sorted({one.event.record_id for one in messages})
    versions = await copies.versions_of(connection, ids)
    return {one.id for one in messages if _is_behind(one, versions[one.event.record_id])}


def _is_behind(one: Decided, known: KnownVersions) -> bool:
    seen = one.event.seen
    is_older = known.record < seen.get(IDENTITY_RECORDS.name, 0) or known.choices < seen.get(CONSENT_STATES.name, 0)
    return is_older or known.awaits_recovery


def _due(messages: list[Decided], known: dict[UUID, Undecided]) -> list[_Due]:
    """In the order of the messages: of two with the same place the first gets it."""
    taken: set[UUID] = set()
    found = []
    for one in messages:
        document = known[one.event.document_id]
        if one.event.outcome == "refused":
            found.append(_Due(one, document, one.event.reason))
            continue
        old = known.get(document.replaces) if document.replaces is not None else None
        if document.replaces is not None and (old is None or old.id in taken or not _is_replaceable(old)):
            found.append(_Due(one, document, REPLACED_ALREADY))
            continue
        if old is not None:
            taken.add(old.id)
        found.append(_Due(one, _labelled(one, document, old), None, old))
    return found


def _is_replaceable(old: Undecided) -> bool:
    return old.status == "published" and old.life == "current"


def _labelled(one: Decided, document: Undecided, old: Undecided | None) -> Undecided:
    """The document as it is published: masked where the person wants new ones so, and hidden as the replaced one was.

    Both are added after the check, whatever else is hidden.
    """
    if one.event.mask:
        document = _masked_by_patient(document)
    return document if old is None else _taking_over(document, old)


def _taking_over(document: Undecided, old: Undecided) -> Undecided:
    """The patient's mask and what is kept from representatives go over, and all that was hidden since the new version
    was received. What was shown to representatives for ever stays so."""
    if LABEL_MASKED in old.labels and old.masked_by == "patient":
        document = _masked_by_patient(document)
    changed_since = old.changed_at is not None and old.changed_at >= document.received_at
    hidden = frozenset(old.labels) & (_HIDING if changed_since else _KEPT_FROM_REPRESENTATIVES)
    labels = frozenset(document.labels) | hidden
    if old.shown_to_representatives:
        labels -= _KEPT_FROM_REPRESENTATIVES
    return replace(document, labels=sorted_labels(labels), shown_to_representatives=old.shown_to_representatives)


def _masked_by_patient(document: Undecided) -> Undecided:
    labels = sorted_labels(frozenset(document.labels) | {LABEL_MASKED})
    return replace(document, labels=labels, masked_by="patient")


def _settlement(one: _Due) -> Settlement:
    event, document = one.message.event, one.document
    status: DocumentStatus = "published" if one.is_published else "refused"
    return Settlement(
        event.document_id,
        status,
        event.decided_at,
        one.message.id,
        one.reason or event.reason,
        document.labels,
        masked_by(frozenset(document.labels), document.masked_by),
        document.shown_to_representatives,
    )


def _events(one: _Due, at: datetime) -> list[DocumentPublished | DocumentRefused | DocumentReplaced]:
    document, event = one.document, one.message.event
    if one.reason is not None:
        return [
            DocumentRefused(
                record_id=document.record_id,
                document_id=document.id,
                deposit_id=document.deposit_id,
                organisation_id=document.organisation_id,
                seen=event.seen,
                reason=one.reason,
                decision_id=one.message.id,
                refused_at=at,
                actor=_depositor(document) if document.depositor_id is not None else None,
            )
        ]
    published = DocumentPublished(
        record_id=document.record_id,
        document_id=document.id,
        deposit_id=document.deposit_id,
        organisation_id=document.organisation_id,
        seen=event.seen,
        labels=document.labels,
        decision_id=one.message.id,
        received_at=document.received_at,
        published_at=at,
        deposited_by=document.deposited_by,
        masked_by=masked_by(frozenset(document.labels), document.masked_by),
        shown_to_representatives=document.shown_to_representatives,
    )
    return [published] if one.old is None else [published, _replaced(one.old, document, at)]


def _replaced(old: Undecided, by: Undecided, at: datetime) -> DocumentReplaced:
    return DocumentReplaced(
        record_id=old.record_id,
        document_id=old.id,
        deposit_id=old.deposit_id,
        organisation_id=old.organisation_id,
        replaced_by=by.id,
        actor=_depositor(by),
        replaced_at=at,
    )


def _depositor(document: Undecided) -> Actor:
    """Who deposited a document, as far as it is kept beside it."""
    if document.deposited_by != "organisation":
        id = document.depositor_id or document.organisation_id
        return Actor(kind=document.deposited_by, id=id, client_id=document.client_id)
    structure, software = document.organisation_id, document.client_id
    if document.depositor_id is None:
        return Actor(kind="software", id=software, organisation_id=structure, client_id=software)
    return Actor(kind="professional", id=document.depositor_id, organisation_id=structure, client_id=software)
