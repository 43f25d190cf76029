"""Keeps a copy of records, and gives a newly opened record its first state of choices."""

from collections.abc import Mapping
from uuid import UUID

from services.consent.choices.domain.choices import Choices
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.store import states
from services.consent.copies.domain import RecordCopy
from services.consent.copies.store import copies, directory
from services.consent.kit.announcements import announce_effect
from shared.contracts.base import Actor
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock

SERVICE_ACTOR = Actor(kind="system", id="consent")


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
    """Stores the newer copies. At first only the médecin traitant named at the opening may read, and emergency access
    is permitted. Later versions of a record change its copy alone.

    Returns the keys of the messages that were newer.
    """
    latest: dict[str, Message[RecordChanged]] = {}
    for message in messages:
        latest_so_far = latest.get(message.event.key)
        if latest_so_far is None or latest_so_far.event.version < message.event.version:
            latest[message.event.key] = message
    newer = await copies.upsert_record_copies(connection, [_copy(message) for message in latest.values()])
    await _announce_first_states(connection, latest)
    return {str(record_id).encode() for record_id in newer}


async def _announce_first_states(connection: Connection, latest: Mapping[str, Message[RecordChanged]]) -> None:
    opened = {message.event.record_id: message for message in latest.values() if message.event.access_status == "open"}
    if not opened:
        return
    await copies.lock_first_states(connection, list(opened))
    attending_doctors = await copies.find_attending_doctors(connection, list(opened))
    non_doctors = await directory.non_doctors_among(connection, attending_doctors.values())
    doctors = {
        record_id: doctor_id for record_id, doctor_id in attending_doctors.items() if doctor_id not in non_doctors
    }
    first_states = {record_id: _first_state(message.event, doctors) for record_id, message in opened.items()}
    new_record_ids = await states.insert_states(connection, list(first_states.values()))
    if not new_record_ids:
        return
    inserted = [state for record_id, state in first_states.items() if record_id in new_record_ids]
    await states.insert_changes(connection, inserted, "open-record", None, SERVICE_ACTOR)
    await append(connection, [announce_effect(state.as_event(), cause=opened[state.record_id]) for state in inserted])


def _copy(message: Message[RecordChanged]) -> RecordCopy:
    event = message.event
    return RecordCopy(event.record_id, event.version, event.access_status, message.partition, event.linked_to)


def _first_state(event: RecordChanged, doctors: Mapping[UUID, str]) -> ConsentState:
    doctor_id = doctors.get(event.record_id)
    choices = Choices(attending_doctors=() if doctor_id is None else (doctor_id,))
    return ConsentState(event.record_id, 1, choices, clock.now(), event.version)
