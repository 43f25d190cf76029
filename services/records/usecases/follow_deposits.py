"""The tracking of deposits learns that the ledger's entry stands and that the alert was handled. It tells nobody."""

from datetime import datetime
from uuid import UUID

from services.records.store import tracking as store
from shared.contracts.audit import EntryRecorded
from shared.contracts.notify import AlertEvent
from shared.contracts.records import DocumentPublished, DocumentRefused
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS

_SETTLED = frozenset({DocumentPublished.ce_type, DocumentRefused.ce_type})


async def follow_deposits(connection: Connection, messages: list[Message[EntryRecorded | AlertEvent]]) -> None:
    """The first time counts. Sent, failed, withheld and not wanted are one and the same here: handled."""
    audited: dict[UUID, datetime] = {}
    told: dict[UUID, datetime] = {}
    for message in messages:
        match message.event:
            case EntryRecorded(document_id=UUID() as id, event_type=kind, recorded_at=at) if kind in _SETTLED:
                audited.setdefault(id, at)
                STEP_SECONDS.labels("audited").observe(max(0.0, (clock.now() - at).total_seconds()))
            case AlertEvent(document_id=UUID() as id, kind="document", handled_at=at):
                told.setdefault(id, at)
            case _:
                continue
    if audited or told:
        await store.track_documents(connection, audited, told)
