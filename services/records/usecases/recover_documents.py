"""This database has lost commits: documents become what records' own topic says, or are kept as lost.

Copies of neighbours' states are read again by their consumers, and publications would be too; what a person or an
author did to a document stands on records' topic alone.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from services.records.domain.recovery import replay
from services.records.lost_documents import keep_lost
from services.records.store import copies, recovery
from services.records.store.recovery import RecoveredDocument
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
    """A lost event has a type that this release does not know: recover with the release that announced it."""

    code = "event-unknown"


async def recover_documents(connection: Connection, facts: Sequence[SentRecord]) -> list[Announcement]:
    """Applies lost facts about documents, record after record. Announces nothing: all of it was announced.

    Raises EventUnknownError.
    """
    by_record: dict[UUID, list[DocumentEvent]] = {}
    for event in _events(facts):
        by_record.setdefault(event.record_id, []).append(event)
    for ids in _pages(sorted(by_record)):
        await copies.lock_records(connection, ids)
        await _recover(connection, [event for id in ids for event in by_record[id]])
    return []


async def _recover(connection: Connection, events: Sequence[DocumentEvent]) -> None:
    ids = {event.document_id for event in events}
    replacing = {event.replaced_by for event in events if isinstance(event, DocumentReplaced)}
    heads = await recovery.lock_heads(connection, sorted(ids | replacing))
    here = frozenset(heads)
    settled: dict[UUID, RecoveredDocument] = {}
    for event in events:
        if event.document_id not in here:
            continue
        known = settled.get(event.document_id) or RecoveredDocument(heads[event.document_id])
        settled[event.document_id] = _after(known, event, here)
    await recovery.update_recovered(connection, list(settled.values()))
    await keep_lost(connection, [event for event in events if event.document_id not in here])


def _after(known: RecoveredDocument, event: DocumentEvent, here: frozenset[UUID]) -> RecoveredDocument:
    head = replay(known.head, event, here)
    match event:
        case DocumentPublished():
            return RecoveredDocument(head, event.published_at, event.decision_id)
        case DocumentRefused():
            return RecoveredDocument(head, event.refused_at, event.decision_id, event.reason)
        case _:
            return RecoveredDocument(head, known.settled_at, known.decision_id, known.reason)


def _events(facts: Iterable[SentRecord]) -> Iterable[DocumentEvent]:
    for record in facts:
        if record.place.topic == RECORDS_DOCUMENTS.name and record.body is not None:
            if record.event_type not in _EVENTS:
                raise EventUnknownError
            yield _EVENTS[record.event_type].model_validate_json(record.body)


def _pages(ids: list[UUID]) -> Iterable[list[UUID]]:
    return (ids[start : start + RECORDS_AT_ONCE] for start in range(0, len(ids), RECORDS_AT_ONCE))
