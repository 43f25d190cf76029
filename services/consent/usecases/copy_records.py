"""A record is opened or closed: keep the copy, and give a record that is new here its first state."""

from services.consent import store
from services.consent.domain import Choices, RecordCopy, State
from shared import clock
from shared.contracts.base import Actor
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.decoding import Message
from shared.outbox import announce, append

OURSELVES = Actor(kind="system", id="consent")


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> None:
    """Nobody is authorised at first; emergency access is allowed. Later versions of the record change the copy only."""
    latest: dict[str, Message[RecordChanged]] = {}
    for message in messages:
        known = latest.get(message.event.key)
        if known is None or known.event.version < message.event.version:
            latest[message.event.key] = message
    await store.upsert_record_copies(connection, [_copy(message) for message in latest.values()])
    first = {m.event.record_id: (_first_state(m.event), m) for m in latest.values() if m.event.status == "open"}
    new = await store.insert_states(connection, [state for state, _ in first.values()]) if first else set()
    if not new:
        return
    opened = [(state, message) for record_id, (state, message) in first.items() if record_id in new]
    await store.insert_changes(connection, [state for state, _ in opened], "open-record", None, OURSELVES)
    await append(connection, [announce(state.as_event(), trace=message.trace) for state, message in opened])


def _copy(message: Message[RecordChanged]) -> RecordCopy:
    event = message.event
    return RecordCopy(event.record_id, event.version, event.status, message.partition)


def _first_state(event: RecordChanged) -> State:
    return State(event.record_id, 1, Choices(), clock.now(), event.version)
