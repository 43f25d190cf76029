"""A record is opened or closed: keep the copy, and give a record that is new here its first state."""

from collections.abc import Mapping
from uuid import UUID

from services.consent.announcements import announce_effect
from services.consent.domain.choices import Choices
from services.consent.domain.states import RecordCopy, State
from services.consent.store import copies, directory, states
from shared.contracts.base import Actor
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock

OURSELVES = Actor(kind="system", id="consent")


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
    """Nobody is authorised at first but the médecin traitant named at the opening; emergency access is allowed.

    Later versions of the record change the copy only. Returns the keys of newer copies.
    """
    latest: dict[str, Message[RecordChanged]] = {}
    for message in messages:
        known = latest.get(message.event.key)
        if known is None or known.event.version < message.event.version:
            latest[message.event.key] = message
    newer = await copies.upsert_record_copies(connection, [_copy(message) for message in latest.values()])
    await _announce_first_states(connection, latest)
    return {str(record_id).encode() for record_id in newer}


async def _announce_first_states(connection: Connection, latest: Mapping[str, Message[RecordChanged]]) -> None:
    opened = {message.event.record_id: message for message in latest.values() if message.event.access_status == "open"}
    if not opened:
        return
    await copies.hold_first_states(connection, list(opened))
    named = await copies.find_attending_doctors(connection, list(opened))
    others = await directory.others_than_doctors(connection, named.values())
    doctors = {record_id: doctor_id for record_id, doctor_id in named.items() if doctor_id not in others}
    first = {record_id: _first_state(message.event, doctors) for record_id, message in opened.items()}
    new = await states.insert_states(connection, list(first.values()))
    if not new:
        return
    made = [state for record_id, state in first.items() if record_id in new]
    await states.insert_changes(connection, made, "open-record", None, OURSELVES)
    await append(connection, [announce_effect(state.as_event(), cause=opened[state.record_id]) for state in made])


def _copy(message: Message[RecordChanged]) -> RecordCopy:
    event = message.event
    return RecordCopy(event.record_id, event.version, event.access_status, message.partition, event.linked_to)


def _first_state(event: RecordChanged, doctors: Mapping[UUID, str]) -> State:
    named = doctors.get(event.record_id)
    choices = Choices(attending_doctors=() if named is None else (named,))
    return State(event.record_id, 1, choices, clock.now(), event.version)
