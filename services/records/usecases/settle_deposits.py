"""A deposit was decided: its document is published, or refused for ever. It happens exactly once."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.records.domain.documents import DocumentStatus
from services.records.domain.facts import LABEL_MASKED, masked_by
from services.records.domain.patching import sorted_labels
from services.records.store import copies, deposits
from services.records.store.deposits import Settlement, Undecided
from shared import clock
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentPublished, DocumentRefused
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.decoding import Message
from shared.errors import PermanentError
from shared.metrics import REFUSED, STEP_SECONDS
from shared.outbox import announce, append

Decided = Message[DepositDecided]


class DocumentUnknownError(PermanentError):
    """A decision is about a document that was never deposited here, or lies in another record."""

    code = "document-unknown"


async def settle_deposits(connection: Connection, messages: list[Decided]) -> None:
    """What is settled already stays as it is. Raises DocumentUnknownError."""
    first = {one.event.document_id: one for one in reversed(messages)}
    known = await deposits.lock_documents(connection, sorted(first))
    if any(id not in known or known[id].record_id != one.event.record_id for id, one in first.items()):
        raise DocumentUnknownError
    at = clock.now()
    due = [(one, _masked(one, known[id])) for id, one in first.items() if known[id].status == "received"]
    if not due:
        return
    await deposits.settle_documents(connection, [_settlement(one, document) for one, document in due], at)
    events = [(one, _event(one, document, at)) for one, document in due]
    await append(connection, [announce(event, trace=one.trace, occurred_at=at) for one, event in events])
    for one, _ in due:
        STEP_SECONDS.labels("published").observe((at - one.time).total_seconds())
        if one.event.outcome == "refused":
            REFUSED.labels("deposit-document", one.event.reason).inc()


async def find_behind(connection: Connection, messages: list[Decided]) -> set[UUID]:
    """The decisions that rest on a version of a copy that is not in force here yet."""
    versions = await copies.versions_of(connection, sorted({one.event.record_id for one in messages}))
    return {one.id for one in messages if _is_behind(one, *versions[one.event.record_id])}


def _is_behind(one: Decided, record_version: int, choices_version: int) -> bool:
    seen = one.event.seen
    return record_version < seen.get(IDENTITY_RECORDS.name, 0) or choices_version < seen.get(CONSENT_STATES.name, 0)


def _masked(one: Decided, document: Undecided) -> Undecided:
    """With the mask that the person wants on new documents: added after the check, whatever else is hidden."""
    if not one.event.mask or one.event.outcome == "refused" or LABEL_MASKED in document.labels:
        return document
    return replace(document, labels=sorted_labels(frozenset(document.labels) | {LABEL_MASKED}), masked_by="patient")


def _settlement(one: Decided, document: Undecided) -> Settlement:
    event = one.event
    status: DocumentStatus = "published" if event.outcome == "permitted" else "refused"
    masker = masked_by(frozenset(document.labels), document.masked_by)
    return Settlement(event.document_id, status, event.decided_at, one.id, event.reason, document.labels, masker)


def _event(one: Decided, document: Undecided, at: datetime) -> DocumentPublished | DocumentRefused:
    if one.event.outcome == "refused":
        return DocumentRefused(
            record_id=document.record_id,
            document_id=document.id,
            deposit_id=document.deposit_id,
            organisation_id=document.organisation_id,
            seen=one.event.seen,
            reason=one.event.reason,
            decision_id=one.id,
            refused_at=at,
        )
    return DocumentPublished(
        record_id=document.record_id,
        document_id=document.id,
        deposit_id=document.deposit_id,
        organisation_id=document.organisation_id,
        seen=one.event.seen,
        labels=document.labels,
        decision_id=one.id,
        received_at=document.received_at,
        published_at=at,
    )
