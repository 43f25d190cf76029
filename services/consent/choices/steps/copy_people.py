"""Keeps a copy of who may act for a patient, and adds the médecin traitant whom the patient named at the opening."""

from uuid import UUID

from services.consent.choices.domain.changes import apply_change
from services.consent.choices.domain.choices import Change
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.steps.copy_records import SERVICE_ACTOR
from services.consent.choices.store import states
from services.consent.copies.store import copies, directory
from services.consent.kit.announcements import announce_effect
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.identity import PeopleChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock


async def copy_people(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """A newly named médecin traitant is added to the choices; one whom the patient has ended is not added again. A
    person whom the directory does not list as a doctor is not added.

    Returns the keys of the messages that were newer.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await copies.lock_first_states(connection, ids)
    named_before = await copies.find_attending_doctors(connection, ids)
    newer_ids = await copies.upsert_people(connection, [latest[id] for id in ids])
    doctors = {id: doctor_id for id in ids if (doctor_id := latest[id].event.attending_doctor_id) is not None}
    non_doctors = await directory.non_doctors_among(connection, doctors.values())
    announcements: list[Announcement] = []
    for id in (record_id for record_id in ids if record_id in newer_ids and record_id in doctors):
        doctor_id = doctors[id]
        if doctor_id not in non_doctors and doctor_id != named_before.get(id):
            announcements += [
                announce_effect(event, cause=latest[id])
                for event in await _add_attending_doctor(connection, id, doctor_id)
            ]
    await append(connection, announcements)
    return {latest[id].key for id in newer_ids}


async def _add_attending_doctor(connection: Connection, record_id: UUID, doctor_id: str) -> list[Event]:
    """Returns the events to announce; none if the record has no state yet, or if the patient has blocked this
    doctor."""
    state = await states.lock_state(connection, record_id)
    if state is None or doctor_id in state.choices.blocked:
        return []
    change = Change(action="name-attending-doctor", subject_id=doctor_id)
    choices = apply_change(state.choices, change, SERVICE_ACTOR.kind, clock.now())
    if choices == state.choices:
        return []
    next_state = state.changed(choices, clock.now())
    await states.update_state(connection, next_state, change, SERVICE_ACTOR)
    return [next_state.as_event(), _access_event(next_state, change)]


def _access_event(state: ConsentState, change: Change) -> AccessRecorded:
    return AccessRecorded(
        record_id=state.record_id,
        actor=SERVICE_ACTOR,
        action="name-attending-doctor",
        outcome="permitted",
        reason="named-at-opening",
        subject_id=change.subject_id,
        state_version=state.version,
    )
