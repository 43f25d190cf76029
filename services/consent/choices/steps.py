"""Changes choices in a caller's transaction: resolves subjects, applies copies, recovers states."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from services.consent.choices.domain.changes import apply_change
from services.consent.choices.domain.choices import UNLIMITED_ACTIONS, Change, Choices
from services.consent.choices.domain.identifiers import (
    SUBJECT_KINDS,
    check_attending_doctor,
    possible_ids,
    removable_ids,
    resolve_id,
)
from services.consent.choices.domain.states import CHANGES_PERIOD, MAX_CHANGES, ConsentState, TooManyChangesError
from services.consent.choices.store import recovery, states
from services.consent.copies import store as copies
from services.consent.copies.domain import RecordCopy
from services.consent.kit.announcements import announce_effect
from shared.access.facts import PATIENT_SIDE
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, ActorKind, Event
from shared.contracts.consent import ConsentStateChanged, CopiedChoices
from shared.contracts.identity import PeopleChanged, RecordChanged
from shared.contracts.records import CopyApplied
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.http.tokens import Caller
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement, append
from shared.messaging.outbox.lost import SentRecord
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.runtime.metrics import IN_FORCE_SECONDS

SERVICE_ACTOR: Final = Actor(kind="system", id="consent")
RECOVERY_ACTION: Final = "recover-state"


@dataclass(frozen=True, slots=True)
class ResolvedChange:
    """A change with the full identifier of its subject. `error`: set if the subject cannot be resolved.

    `is_known`: whether the directory has the subject; True for a change without one.
    """

    change: Change
    is_known: bool = True
    error: ClientError | None = None


async def resolve_subject(connection: Connection, change: Change, caller: Caller, choices: Choices) -> ResolvedChange:
    """Resolves the subject of a change.

    `choices`: the record's present choices; an identifier in them can be removed exactly as it is stored.
    """
    if change.action not in SUBJECT_KINDS or change.subject_id is None:
        return ResolvedChange(change)
    text, kind = change.subject_id.strip(), change.kind or SUBJECT_KINDS[change.action]
    possible = possible_ids(text, kind)
    entries = await copies.find_entries(connection, possible)
    known_ids = {id for id, entry in entries.items() if entry.is_of_kind(kind)} | {caller.id, caller.organisation_id}
    removable = removable_ids(choices, change.action).intersection(possible)
    try:
        if text in removable or len(removable) == 1:
            subject_id = text if text in removable else next(iter(removable))
        else:
            subject_id = resolve_id(text, kind, {known_id for known_id in known_ids if known_id is not None})
        resolved = change.model_copy(update={"subject_id": subject_id, "kind": None})
        check_attending_doctor(resolved, entries.get(subject_id))
    except ClientError as error:
        return ResolvedChange(change.model_copy(update={"subject_id": None, "kind": None}), error=error)
    return ResolvedChange(resolved, subject_id in entries)


async def next_state(
    connection: Connection, state: ConsentState, change: Change, by: ActorKind, now: datetime
) -> ConsentState:
    """Returns the state after a change; the same one where nothing changes.

    Raises TooManyChangesError, and what `apply_change` raises.
    """
    choices = apply_change(state.choices, change, by, now)
    if choices == state.choices:
        return state
    if change.action not in UNLIMITED_ACTIONS:
        subject_id = None if by in PATIENT_SIDE else change.subject_id
        if await states.count_changes(connection, state.record_id, now - CHANGES_PERIOD, subject_id) >= MAX_CHANGES:
            raise TooManyChangesError
    return state.changed(choices, now)


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
    """Stores newer copies of records, and the first choices of a new record.

    At first only the médecin traitant named at the opening may read, and emergency access is permitted. Later versions
    of a record change its copy alone. Returns the keys of the messages that were newer.
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
    non_doctors = await copies.non_doctors_among(connection, attending_doctors.values())
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


async def copy_people(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """Stores newer copies of people, and adds a newly named médecin traitant to the choices.

    A médecin traitant whom the patient has ended is not added again, nor a person whom the directory does not list as a
    doctor. Returns the keys of the messages that were newer.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await copies.lock_first_states(connection, ids)
    named_before = await copies.find_attending_doctors(connection, ids)
    newer_ids = await copies.upsert_people(connection, [latest[id] for id in ids])
    doctors = {id: doctor_id for id in ids if (doctor_id := latest[id].event.attending_doctor_id) is not None}
    non_doctors = await copies.non_doctors_among(connection, doctors.values())
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
    """Adds the doctor to the choices and returns the events to announce.

    Returns none if the record has no state yet, or if the patient has blocked this doctor.
    """
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


async def acknowledge_copies(connection: Connection, messages: list[Message[CopyApplied]]) -> None:
    """Raises the versions in force. The acknowledgement of a version also covers all earlier ones.

    Choices that are newer than those of this database were lost here and are adopted.
    """
    versions: dict[UUID, int] = {}
    for event in (message.event for message in messages):
        if event.topic == CONSENT_STATES.name:
            versions[event.record_id] = max(event.version, versions.get(event.record_id, 0))
    if versions:
        now = clock.now()
        for changed_at in await states.raise_versions_in_force(connection, versions):
            IN_FORCE_SECONDS.observe(max(0.0, (now - changed_at).total_seconds()))
    await _adopt_copies(connection, [message for message in messages if message.event.choices is not None])


async def _adopt_copies(connection: Connection, messages: list[Message[CopyApplied]]) -> None:
    """Adopts the choices about reading of copies that are newer, and announces them. Other choices stay as they are."""
    newest: dict[UUID, Message[CopyApplied]] = {}
    for message in sorted(messages, key=lambda each: each.event.version):
        newest[message.event.record_id] = message
    announcements: list[Announcement] = []
    for record_id in sorted(newest, key=lambda id: (bucket_of(id), id)):
        message = newest[record_id]
        stored, event = await states.lock_state(connection, record_id), message.event
        if stored is None or event.choices is None or event.version <= stored.version:
            continue
        copied = CopiedChoices.model_validate(event.choices)
        members = {name: getattr(copied, name) for name in CopiedChoices.model_fields}
        choices = stored.choices.model_copy(update=members)
        state = replace(stored, version=event.version, choices=choices, changed_at=clock.now())
        await recovery.adopt_state(connection, state, RECOVERY_ACTION, SERVICE_ACTOR)
        announcements.append(announce_effect(state.as_event(), cause=message))
    await append(connection, announcements)


async def adopt_states(connection: Connection, record: SentRecord, is_changed_since: bool) -> bool:
    """Stores the topic's state of one record at its version.

    Returns False if it was not adopted, because the event does not hold all choices or they were changed here since.
    Choices that were changed here get a version above the topic's, so that they do not count as in force; the next
    change announces them.
    """
    if record.place.topic != CONSENT_STATES.name or record.body is None:
        return False
    event = ConsentStateChanged.model_validate_json(record.body)
    stored = await states.lock_state(connection, event.record_id)
    if event.authorisations is None or is_changed_since:
        if stored is not None:
            await recovery.raise_version(connection, event.record_id, event.version + 1)
        return False
    state = ConsentState(event.record_id, event.version, _choices(event), event.changed_at, record_version=0)
    await recovery.adopt_state(connection, state, RECOVERY_ACTION, SERVICE_ACTOR)
    return True


def _choices(event: ConsentStateChanged) -> Choices:
    return Choices(**{name: getattr(event, name) for name in Choices.model_fields})
