"""Writes the local copies of other services' state.

To apply a copy, the handler first locks the record's row FOR UPDATE (the fence). Where the row does not exist yet, an
advisory lock of its bucket replaces it, so that no other transaction inserts it meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from services.records.copies.domain.choices import stored_choices
from services.records.copies.domain.people import stored_people
from shared.contracts.consent import ConsentStateChanged, CopiedChoices, MatrixChanged
from shared.contracts.identity import PeopleChanged, RecordChanged
from shared.contracts.topics import RECORDS_DOCUMENTS
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.loss_checks import IS_UNCHECKED
from shared.runtime.clock import bucket_of

LOCK_RECORDS = """
select locked.id, locked.version, locked.ins
from (select bucket, id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id) order by id) as sorted
cross join lateral (
  select r.id, r.version, r.ins from records r where r.bucket = sorted.bucket and r.id = sorted.id for update
) as locked"""
LOCK_ABSENT = "select pg_advisory_xact_lock(1146097667, bucket) from unnest($1::integer[]) as absent(bucket)"
UPSERT_RECORDS = """
insert into records (bucket, id, version, partition, status, ins, traits, linked_to)
select bucket, id, version, partition, status, ins, traits, linked_to
from unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::jsonb[], $8::uuid[])
  as given(bucket, id, version, partition, status, ins, traits, linked_to)
order by id
on conflict on constraint records_pkey do update
set version = excluded.version, partition = excluded.partition, status = excluded.status, ins = excluded.ins,
    traits = excluded.traits, linked_to = excluded.linked_to
where excluded.version > records.version
returning id"""
INSERT_KEYS = """
insert into record_keys (bucket, record_id, kid, wrapped)
select bucket, record_id, kid, wrapped
from unnest($1::integer[], $2::uuid[], $3::text[], $4::bytea[]) as made(bucket, record_id, kid, wrapped)
on conflict on constraint record_keys_pkey do nothing"""
UPSERT_FINGERPRINTS = """
insert into record_fingerprints (ins, bucket, record_id)
select ins, bucket, record_id
from unnest($1::text[], $2::integer[], $3::uuid[]) as given(ins, bucket, record_id)
order by ins
on conflict on constraint record_fingerprints_pkey do update
set bucket = excluded.bucket, record_id = excluded.record_id
where record_fingerprints.record_id <> excluded.record_id"""
DELETE_FINGERPRINTS = """
delete from record_fingerprints f using unnest($1::text[], $2::uuid[]) as gone(ins, record_id)
where f.ins = gone.ins and f.record_id = gone.record_id"""
UPSERT_CONSENT_STATES = """
insert into consent_states (bucket, record_id, version, partition, authorised, blocked, emergency, state)
select bucket, record_id, version, partition, array(select jsonb_array_elements_text(authorised)),
       array(select jsonb_array_elements_text(state -> 'blocked')), state -> 'emergency', state
from unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[], $5::jsonb[], $6::jsonb[])
  as given(bucket, record_id, version, partition, authorised, state)
order by record_id
on conflict on constraint consent_states_pkey do update
set version = excluded.version, partition = excluded.partition, authorised = excluded.authorised,
    blocked = excluded.blocked, emergency = excluded.emergency, state = excluded.state
where excluded.version > consent_states.version
returning record_id"""
# Of each chain of versions of the summary sheet: when its doctor's status as médecin traitant ended.
NOTE_ENDED_DOCTORS = """
update summary_versions v
set ended_at = case when given.doctors ? v.doctor_id then null else coalesce(v.ended_at, given.changed_at) end
from unnest($1::integer[], $2::uuid[], $3::jsonb[], $4::timestamptz[]) as given(bucket, record_id, doctors, changed_at)
where v.bucket = given.bucket and v.record_id = given.record_id
  and (given.doctors ? v.doctor_id) is distinct from (v.ended_at is null)"""
SELECT_NEWER_CHOICES = """
select stored.record_id, stored.version, stored.state
from unnest($1::integer[], $2::uuid[], $3::bigint[]) as older(bucket, record_id, version)
join consent_states stored on stored.bucket = older.bucket and stored.record_id = older.record_id
  and stored.version > older.version
where stored.state ? 'authorisations' order by stored.record_id"""
UPSERT_PEOPLE = """
insert into record_people (bucket, record_id, version, partition, people, is_minor)
select bucket, record_id, version, partition, people, is_minor
from unnest($1::integer[], $2::uuid[], $3::bigint[], $4::integer[], $5::jsonb[], $6::boolean[])
  as given(bucket, record_id, version, partition, people, is_minor)
order by record_id
on conflict on constraint record_people_pkey do update
set version = excluded.version, partition = excluded.partition, people = excluded.people, is_minor = excluded.is_minor
where excluded.version > record_people.version
returning record_id"""
UPSERT_MATRICES = """
insert into matrices (name, version, active_from, cells)
select name, version, active_from, cells
from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::jsonb[]) as given(name, version, active_from, cells)
order by name
on conflict on constraint matrices_pkey do update
set version = excluded.version, active_from = excluded.active_from, cells = excluded.cells
where excluded.version > matrices.version
returning name"""
SELECT_VERSIONS = f"""
select wanted.id, coalesce(r.version, 0) as record, coalesce(c.version, 0) as choices,
       {IS_UNCHECKED} or exists (select from broken_copies where topic = $3 and key = wanted.id::text)
         as awaits_recovery
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
left join records r on r.bucket = wanted.bucket and r.id = wanted.id
left join consent_states c on c.bucket = wanted.bucket and c.record_id = wanted.id"""  # noqa: S608  # a constant


@dataclass(frozen=True, slots=True)
class CopyVersions:
    """The versions of the copies about a record; 0 where there is no copy.

    `awaits_recovery`: the database may have lost commits about the record's documents.
    """

    record: int
    choices: int
    awaits_recovery: bool


@dataclass(frozen=True, slots=True)
class LockedRecord:
    """A record whose row is locked: the version of its copy, and its INS fingerprint."""

    version: int
    ins: str


@dataclass(frozen=True, slots=True)
class RecordFingerprint:
    """An INS fingerprint by which a record is found."""

    ins: str
    record_id: UUID


async def lock_records(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, LockedRecord]:
    """Locks the rows of these records, in the order of ids; returns the existing records by id.

    Another transaction can neither insert nor read a missing record before this one ends.
    """
    locked = await _lock(connection, ids)
    absent = [id for id in ids if id not in locked]
    if absent:
        await connection.execute(LOCK_ABSENT, sorted(set(_buckets(absent))))
        locked |= await _lock(connection, absent)
    return locked


async def _lock(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, LockedRecord]:
    rows = await connection.fetch(LOCK_RECORDS, _buckets(ids), ids)
    return {row["id"]: LockedRecord(row["version"], row["ins"]) for row in rows}


async def upsert_records(connection: Connection, messages: Sequence[Message[RecordChanged]]) -> set[UUID]:
    """Applies newer versions; returns the ids of the records that changed."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_RECORDS,
        _buckets([event.record_id for event in events]),
        [event.record_id for event in events],
        [event.version for event in events],
        [message.partition for message in messages],
        [event.access_status for event in events],
        [event.ins for event in events],
        [event.traits.model_dump_json() for event in events],
        [event.linked_to for event in events],
    )
    return {row["id"] for row in rows}


async def insert_keys(connection: Connection, keys: dict[UUID, WrappedKey]) -> None:
    """Inserts the data keys of new records; a record that has one keeps it."""
    if not keys:
        return
    ids, keys_made = list(keys), list(keys.values())
    await connection.execute(
        INSERT_KEYS, _buckets(ids), ids, [key.kid for key in keys_made], [key.wrapped for key in keys_made]
    )


async def replace_fingerprints(
    connection: Connection, new: Sequence[RecordFingerprint], old: Sequence[RecordFingerprint]
) -> None:
    """Replaces the INS fingerprints by which records are found."""
    if old:
        await connection.execute(
            DELETE_FINGERPRINTS,
            [fingerprint.ins for fingerprint in old],
            [fingerprint.record_id for fingerprint in old],
        )
    if new:
        ids = [fingerprint.record_id for fingerprint in new]
        await connection.execute(UPSERT_FINGERPRINTS, [fingerprint.ins for fingerprint in new], _buckets(ids), ids)


async def upsert_consent_states(connection: Connection, messages: Sequence[Message[ConsentStateChanged]]) -> set[UUID]:
    """Applies newer versions; returns the ids of the records that changed."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_CONSENT_STATES,
        _buckets([event.record_id for event in events]),
        [event.record_id for event in events],
        [event.version for event in events],
        [message.partition for message in messages],
        [orjson.dumps(event.authorised).decode() for event in events],
        [orjson.dumps(stored_choices(event)).decode() for event in events],
    )
    return {row["record_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class StoredChoices:
    """The copy of a record's choices, and its version."""

    version: int
    choices: CopiedChoices


async def note_ended_doctors(connection: Connection, events: Sequence[ConsentStateChanged]) -> None:
    """Notes with what a doctor signed when the doctor's status ended, until the status is given again."""
    if events:
        await connection.execute(
            NOTE_ENDED_DOCTORS,
            _buckets([event.record_id for event in events]),
            [event.record_id for event in events],
            [orjson.dumps(event.attending_doctors).decode() for event in events],
            [event.changed_at for event in events],
        )


async def newer_choices(connection: Connection, events: Sequence[ConsentStateChanged]) -> dict[UUID, StoredChoices]:
    """Returns the copies that are newer than these events, by record id."""
    if not events:
        return {}
    ids = [event.record_id for event in events]
    rows = await connection.fetch(SELECT_NEWER_CHOICES, _buckets(ids), ids, [event.version for event in events])
    return {
        row["record_id"]: StoredChoices(row["version"], CopiedChoices.model_validate_json(row["state"])) for row in rows
    }


async def upsert_people(connection: Connection, messages: Sequence[Message[PeopleChanged]]) -> set[UUID]:
    """Applies newer versions; returns the ids of the records that changed."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_PEOPLE,
        _buckets([event.record_id for event in events]),
        [event.record_id for event in events],
        [event.version for event in events],
        [message.partition for message in messages],
        [orjson.dumps(stored_people(event)).decode() for event in events],
        [event.is_minor for event in events],
    )
    return {row["record_id"] for row in rows}


async def upsert_matrices(connection: Connection, events: Sequence[MatrixChanged]) -> set[str]:
    """Applies the newer versions; returns the names of the matrices that changed."""
    rows = await connection.fetch(
        UPSERT_MATRICES,
        [event.name for event in events],
        [event.version for event in events],
        [event.active_from for event in events],
        [event.model_dump_json(include={"allowed", "denied", "allowed_by_default"}) for event in events],
    )
    return {row["name"] for row in rows}


async def copy_versions(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, CopyVersions]:
    """Returns the versions of the copies about each record."""
    rows = await connection.fetch(SELECT_VERSIONS, _buckets(ids), ids, RECORDS_DOCUMENTS.name)
    return {row["id"]: CopyVersions(row["record"], row["choices"], row["awaits_recovery"]) for row in rows}


def _buckets(ids: Sequence[UUID]) -> list[int]:
    return [bucket_of(id) for id in ids]
