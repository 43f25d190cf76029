"""Something happened: enter it in the ledger, once, and say that it stands."""

from datetime import datetime
from uuid import UUID

from services.audit import store
from services.audit.domain import LedgerEvent, entry_of, is_visible_to_patient
from shared import clock
from shared.contracts.audit import EntryRecorded
from shared.contracts.records import DocumentPublished, DocumentReceived
from shared.db.pool import Connection
from shared.decoding import Message
from shared.erasing import erased_among
from shared.metrics import STEP_SECONDS
from shared.outbox import announce, append


async def write_entries(connection: Connection, messages: list[Message[LedgerEvent]]) -> None:
    """An event that comes again is passed over: neither entered nor announced a second time.

    What is told late of an erased record is entered like all, but no patient is left who might know of its documents.
    """
    recorded_at = clock.now()
    new = await store.insert_entries(connection, [entry_of(message) for message in messages], recorded_at)
    if visibilities := _visibilities(messages):
        erased = await erased_among(connection, (record_id for record_id, _ in visibilities))
        left = {place: said for place, said in visibilities.items() if place[0] not in erased}
        await store.upsert_visibilities(connection, left)
    entered = {message.id: message for message in messages if message.id in new}
    for message in entered.values():
        STEP_SECONDS.labels("audited").observe(max(0.0, (recorded_at - message.time).total_seconds()))
    await append(connection, [announce(_recorded(one, recorded_at), trace=one.trace) for one in entered.values()])


def _recorded(message: Message[LedgerEvent], at: datetime) -> EntryRecorded:
    event = message.event
    return EntryRecorded(
        record_id=event.record_id,
        event_id=message.id,
        event_type=event.wire,
        document_id=event.document_id,
        deposit_id=getattr(event, "deposit_id", None),
        recorded_at=at,
    )


def _visibilities(messages: list[Message[LedgerEvent]]) -> dict[tuple[UUID, UUID], tuple[bool, datetime]]:
    """The latest word of the batch on each document."""
    found: dict[tuple[UUID, UUID], tuple[bool, datetime]] = {}
    for message in messages:
        event = message.event
        if isinstance(event, DocumentReceived | DocumentPublished):
            place, said = (event.record_id, event.document_id), (is_visible_to_patient(event), message.time)
            if place not in found or found[place][1] < said[1]:
                found[place] = said
    return found
