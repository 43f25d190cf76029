"""The lines of a batch as the database holds them, locked, and what the batch makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from services.records.reimbursements.domain.sealed_lines import open_care, seal_care
from services.records.reimbursements.domain.versions import WRITING, Effect, LineState, effect_of, state_after
from services.records.reimbursements.steps.arrivals import Arrival, OpenedRecord
from services.records.reimbursements.store import lines as store
from services.records.reimbursements.store.lines import LinePlace
from shared.db.pool import Connection


@dataclass(slots=True)
class LineSlot:
    """A line during a batch. `key_month`: the month in which its key stands, None where it is new.

    `stored`: what the database holds, with its care sealed. `state`: what it is to hold; the care is JSON where a line
    of this batch stands. `opened`: the record of that line.
    """

    opened: OpenedRecord
    feed_key: bytes
    key_month: date | None = None
    stored: LineState | None = None
    state: LineState | None = None

    @property
    def has_changed(self) -> bool:
        """Whether a line of this batch stands now."""
        return self.state is not self.stored

    def take(self, arrival: Arrival) -> Effect:
        """Returns the effect of a line, and lets it stand where it does."""
        line = arrival.line
        is_same_version = self.state is not None and self.state.version == line.version
        effect = effect_of(line, self.state, self._care() if is_same_version else None)
        after = state_after(line, self.state, effect) if effect in WRITING else None
        if after is not None:
            self.state, self.opened = after, arrival.opened
        return effect

    def place(self, month: date) -> LinePlace:
        """Returns where the line is in this month."""
        assert self.state is not None, "a line stands"
        record = self.opened.record
        return LinePlace(record.bucket, record.id, self.state.key, self.feed_key, month)

    def sealed(self) -> LineState:
        """Returns the line as it is to be stored."""
        assert self.state is not None, "a line stands"
        state = self.state
        if state.care is None:
            return state
        opened = self.opened
        return replace(state, care=seal_care(opened.data_key, opened.record.id, state.key, state.version, state.care))

    def _care(self) -> bytes | None:
        """Returns the JSON of the care that stands. Raises SealBrokenError."""
        state, opened = self.state, self.opened
        if state is None or state.care is None or self.has_changed:
            return None if state is None else state.care
        return open_care(opened.data_key, opened.record.id, state.key, state.version, state.care).as_json()


async def load_slots(connection: Connection, arrivals: Sequence[Arrival]) -> Mapping[bytes, LineSlot]:
    """Returns a slot for each line by its active feed key; locks the lines that exist."""
    keys = await store.lock_keys(connection, [key for arrival in arrivals for key in arrival.feed_keys])
    slots: dict[bytes, LineSlot] = {}
    owned: list[LineSlot] = []
    for name, owner in _owners(arrivals, keys).items():
        feed_key = next((key for key in owner.feed_keys if key in keys), name)
        slots[name] = slot = LineSlot(owner.opened, feed_key)
        if feed_key in keys:
            line_key, slot.key_month = keys[feed_key]
            # Version 0 stands for what is stored, for another person, or until it is loaded.
            slot.stored = slot.state = LineState(line_key, slot.key_month, 0, None, None)
            if line_key == owner.line.key:
                owned.append(slot)
    states = await store.load_lines(connection, [slot.place(slot.state.month) for slot in owned if slot.state])
    for slot in owned:
        slot.stored = slot.state = states.get(slot.feed_key)
    return slots


def _owners(arrivals: Sequence[Arrival], keys: Mapping[bytes, tuple[bytes, date]]) -> Mapping[bytes, Arrival]:
    """Returns for each line the arrival whose person it is already, else the first one."""
    owners: dict[bytes, Arrival] = {}
    for arrival in arrivals:
        name = arrival.feed_keys[0]
        is_owner = any(key in keys and keys[key][0] == arrival.line.key for key in arrival.feed_keys)
        if is_owner or name not in owners:
            owners[name] = arrival
    return owners
