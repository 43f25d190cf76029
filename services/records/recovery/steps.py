"""Restores documents from the topic of records after the database has lost commits, or records them as lost.

The consumers read copies of other services' state again, and would read publications too. But changes that a patient or
an author made to a document are only on the topic of records.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from services.records.copies.store import copies
from services.records.recovery import store
from services.records.recovery.domain import replay
from services.records.recovery.store import NamedDocument, RecoveredDocument
from services.records.revocations.steps import recover_certificates, revoke_for_lost_events
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import (
    DocumentEvent,
    DocumentPublished,
    DocumentReceived,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.contracts.topics import RECORDS_DOCUMENTS
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.messaging.outbox import Announcement
from shared.messaging.outbox.lost import SentRecord
from shared.runtime import clock
from shared.runtime.logs import log
from shared.runtime.metrics import LOST_DOCUMENTS

RECORDS_AT_ONCE = 200
_EVENTS: Final[dict[str, type[DocumentEvent]]] = {
    event.ce_type: event
    for event in (
        DocumentReceived,
        DocumentPublished,
        DocumentRefused,
        DocumentReplaced,
        DocumentRelabelled,
        DocumentWithdrawn,
    )
}


class EventUnknownError(PermanentError):
    """A lost event has a type that this release does not know. Recover with the release that announced it."""

    code = "event-unknown"


async def record_lost_documents(connection: Connection, events: Sequence[NamedDocument]) -> None:
    """Records as lost the documents that these events name; counts and logs the new ones."""
    if not events:
        return
    new_ids = await store.insert_lost(connection, list({event.document_id: event for event in events}.values()))
    if new_ids:
        LOST_DOCUMENTS.inc(len(new_ids))
        log("document.lost", count=len(new_ids))


async def recover_documents(connection: Connection, facts: Sequence[SentRecord]) -> list[Announcement]:
    """Applies lost events about documents, record by record. Returns no announcements: all were announced before.

    Raises EventUnknownError.
    """
    by_record: dict[UUID, list[DocumentEvent]] = {}
    for event in _events(facts):
        by_record.setdefault(event.record_id, []).append(event)
    accesses = list(_accesses(facts))
    await recover_certificates(connection, accesses)
    await store.mask_measures(connection, sorted({event.record_id for event in accesses if _changed_measure(event)}))
    for ids in _pages(sorted(by_record)):
        await copies.lock_records(connection, ids)
        await _recover(connection, [event for id in ids for event in by_record[id]])
    return []


async def _recover(connection: Connection, events: Sequence[DocumentEvent]) -> None:
    ids = {event.document_id for event in events}
    replacing_ids = {event.replaced_by for event in events if isinstance(event, DocumentReplaced)}
    summaries = await store.lock_summaries(connection, sorted(ids | replacing_ids))
    present_ids = frozenset(summaries)
    recovered: dict[UUID, RecoveredDocument] = {}
    for event in events:
        if event.document_id not in present_ids:
            continue
        document = recovered.get(event.document_id) or RecoveredDocument(summaries[event.document_id])
        recovered[event.document_id] = _after(document, event, present_ids)
    await store.update_recovered(connection, list(recovered.values()))
    await record_lost_documents(connection, [event for event in events if event.document_id not in present_ids])
    await revoke_for_lost_events(connection, events, clock.now())


def _after(document: RecoveredDocument, event: DocumentEvent, present_ids: frozenset[UUID]) -> RecoveredDocument:
    summary = replay(document.summary, event, present_ids)
    match event:
        case DocumentPublished():
            return RecoveredDocument(summary, event.published_at, event.decision_id)
        case DocumentRefused():
            return RecoveredDocument(summary, event.refused_at, event.decision_id, event.reason)
        case _:
            return RecoveredDocument(summary, document.settled_at, document.decision_id, document.reason)


def _events(facts: Iterable[SentRecord]) -> Iterable[DocumentEvent]:
    for record in facts:
        if record.place.topic == RECORDS_DOCUMENTS.name and record.body is not None:
            if record.event_type not in _EVENTS:
                raise EventUnknownError
            yield _EVENTS[record.event_type].model_validate_json(record.body)


def _accesses(facts: Iterable[SentRecord]) -> Iterable[AccessRecorded]:
    for record in facts:
        if record.event_type == AccessRecorded.ce_type and record.body is not None:
            yield AccessRecorded.model_validate_json(record.body)


def _changed_measure(event: AccessRecorded) -> bool:
    """Returns whether a measure was corrected, and perhaps masked, or deleted by a commit that the database lost.

    The event says neither which nor how. So all measures of the record are masked, until the patient side lifts it.
    """
    return event.action in ("correct-measure", "delete-measure") and event.outcome == "permitted"


def _pages(ids: list[UUID]) -> Iterable[list[UUID]]:
    return (ids[start : start + RECORDS_AT_ONCE] for start in range(0, len(ids), RECORDS_AT_ONCE))
