"""Stores a batch of lines in a caller's transaction: each line once, the highest version of it, for one person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.kit.announcements import announce_effect
from services.records.reimbursements.domain.lines import ReimbursementLine
from services.records.reimbursements.steps.arrivals import FillContext, LineSource, take_to_records
from services.records.reimbursements.steps.line_slots import LineSlot, load_slots
from services.records.reimbursements.store import lines as store
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import HistoryFilled
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.messaging.outbox.append import Announcement
from shared.runtime import clock

INSURANCE: Final = Actor(kind="system", id="insurance")


async def store_lines(
    connection: Connection, context: FillContext, lines: Sequence[ReimbursementLine], source: LineSource
) -> Counter[str]:
    """Stores the lines. Returns how many had which effect, or were dropped: unknown, closed.

    Announces each filled record once for a source, and its first filling, and appends to the outbox. Raises
    LineOvertakenError.
    """
    moment = clock.now()
    arrivals, counts = await take_to_records(connection, context, lines, moment.date())
    slots = await load_slots(connection, arrivals)
    for arrival in arrivals:
        counts[slots[arrival.feed_keys[0]].take(arrival)] += 1
    changed = [slot for slot in slots.values() if slot.has_changed]
    if changed:
        await _write(connection, context, changed)
        filled = await store.upsert_histories(connection, _shown_by_record(changed), moment, source.id)
        entries = [_entry(source, record.record_id) for record in filled if record.is_new]
        first = [_first_filling(source, record.record_id, moment) for record in filled if record.is_first]
        await append(connection, [*entries, *first])
    return counts


async def _write(connection: Connection, context: FillContext, changed: Sequence[LineSlot]) -> None:
    """Writes the lines that stand now: keys of new ones first, which no other batch can then enter."""
    lines = [(slot, slot.sealed()) for slot in changed]
    new = [slot.place(state.month) for slot, state in lines if slot.key_month is None]
    await store.insert_keys(connection, context.feed.active, new)
    moved = [
        (slot.place(slot.key_month), state.month)
        for slot, state in lines
        if slot.key_month is not None and slot.key_month != state.month
    ]
    await store.move_lines(connection, moved)
    await store.upsert_lines(connection, [(slot.place(state.month), state) for slot, state in lines])


def _shown_by_record(changed: Sequence[LineSlot]) -> Mapping[UUID, bool]:
    """Returns for each record whether care came that all the patient side may learn of."""
    shown: dict[UUID, bool] = {}
    for slot in changed:
        state = slot.state
        is_shown = state is not None and state.care is not None and not state.is_confidential
        shown[slot.opened.record.id] = shown.get(slot.opened.record.id, False) or is_shown
    return shown


def _first_filling(source: LineSource, record_id: UUID, moment: datetime) -> Announcement:
    event = HistoryFilled(record_id=record_id, filled_at=moment)
    return announce_effect(event, cause=source, effect=f"{event.ce_type} {record_id}")


def _entry(source: LineSource, record_id: UUID) -> Announcement:
    """Returns the ledger's entry of a filling: that it happened, and nothing of the care."""
    event = AccessRecorded(
        record_id=record_id, actor=INSURANCE, action="fill-history", outcome="permitted", reason="reimbursements"
    )
    return announce_effect(event, cause=source, effect=f"{event.ce_type} {record_id}")
