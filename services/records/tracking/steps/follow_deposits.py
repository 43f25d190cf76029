"""Tracks when the ledger has recorded a deposited document, and when its alert was handled. It announces nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.tracking import store
from shared.contracts.audit import EntryRecorded
from shared.contracts.notify import AlertEvent
from shared.contracts.records import DocumentPublished, DocumentRefused
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS

UNKNOWN_ORGANISATION = "unknown"
_SETTLED = frozenset({DocumentPublished.ce_type, DocumentRefused.ce_type})


@dataclass(frozen=True, slots=True)
class UnknownDocument:
    """A document that this database does not have, though the ledger or an alert names it."""

    document_id: UUID
    deposit_id: UUID
    record_id: UUID
    organisation_id: str = UNKNOWN_ORGANISATION


async def follow_deposits(
    connection: Connection, messages: list[Message[EntryRecorded | AlertEvent]]
) -> list[UnknownDocument]:
    """Writes both times; the first one counts. A sent, failed, withheld or unwanted alert counts as handled.

    Returns the documents that this database does not have.
    """
    audited: dict[UUID, datetime] = {}
    alerted: dict[UUID, datetime] = {}
    for message in messages:
        match message.event:
            case EntryRecorded(document_id=UUID() as id, event_type=kind, recorded_at=at) if kind in _SETTLED:
                audited.setdefault(id, at)
                STEP_SECONDS.labels("audited").observe(max(0.0, (clock.now() - at).total_seconds()))
            case AlertEvent(document_id=UUID() as id, kind="document", handled_at=at):
                alerted.setdefault(id, at)
            case _:
                continue
    if not (audited or alerted):
        return []
    absent_ids = (audited.keys() | alerted.keys()) - await store.track_documents(connection, audited, alerted)
    events = {message.event.document_id: message.event for message in messages} if absent_ids else {}
    return [
        UnknownDocument(id, event.deposit_id, event.record_id)
        for id, event in events.items()
        if id in absent_ids and event.deposit_id is not None
    ]
