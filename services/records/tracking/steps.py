"""Tracks when the ledger has recorded a deposited document, and when its alert was handled. It announces nothing."""

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

_SETTLED = frozenset({DocumentPublished.ce_type, DocumentRefused.ce_type})


async def follow_deposits(connection: Connection, messages: list[Message[EntryRecorded | AlertEvent]]) -> None:
    """Writes both times; the first one counts. A sent, failed, withheld or unwanted alert counts as handled."""
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
    if audited or alerted:
        await store.track_documents(connection, audited, alerted)
