"""Identity has told who may act for a record's holder, and whom the holder named as médecin traitant at the opening."""

from uuid import UUID

from services.consent.announcements import announce_effect
from services.consent.domain.choices import Change, apply_change
from services.consent.domain.states import State
from services.consent.store import copies, directory, states
from services.consent.usecases.copy_records import OURSELVES
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.identity import PeopleChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock


async def copy_people(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """A médecin traitant who is named anew becomes one of the record's; one whom the person ended stays ended. Identity
    names doctors only; one whom the directory calls something else meanwhile is not named.

    Returns the keys of newer copies.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await copies.hold_first_states(connection, ids)
    before = await copies.find_attending_doctors(connection, ids)
    applied = await copies.upsert_people(connection, [latest[id] for id in ids])
    doctors = {id: doctor_id for id in ids if (doctor_id := latest[id].event.attending_doctor_id) is not None}
    others = await directory.others_than_doctors(connection, doctors.values())
    told: list[Announcement] = []
    for id in (one for one in ids if one in applied and one in doctors):
        named = doctors[id]
        if named not in others and named != before.get(id):
            told += [announce_effect(event, cause=latest[id]) for event in await _name(connection, id, named)]
    await append(connection, told)
    return {latest[id].key for id in applied}


async def _name(connection: Connection, record_id: UUID, doctor_id: str) -> list[Event]:
    """What is to be announced: nothing where the record has no state yet, or where the person blocked this doctor."""
    state = await states.lock_state(connection, record_id)
    if state is None or doctor_id in state.choices.blocked:
        return []
    change = Change(action="name-attending-doctor", subject_id=doctor_id)
    choices = apply_change(state.choices, change, OURSELVES.kind, clock.now())
    if choices == state.choices:
        return []
    changed = state.changed(choices, clock.now())
    await states.update_state(connection, changed, change, OURSELVES)
    return [changed.as_event(), _entry(changed, change)]


def _entry(state: State, change: Change) -> AccessRecorded:
    return AccessRecorded(
        record_id=state.record_id,
        actor=OURSELVES,
        action="name-attending-doctor",
        outcome="permitted",
        reason="named-at-opening",
        subject_id=change.subject_id,
        state_version=state.version,
    )
