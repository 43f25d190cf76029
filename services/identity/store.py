"""Every SQL statement of identity."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from joserfc.jwk import KeySet

from services.identity.domain.clients import Client, NewClient
from services.identity.domain.directory import Professional, Structure
from services.identity.domain.opening import RecordState
from services.identity.domain.sealing import Sealed
from shared.clock import bucket_of
from shared.db.pool import Connection
from shared.outbox.append import lock_number

LOCK_INS = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"


async def lock_ins(connection: Connection, fingerprints: Iterable[str]) -> None:
    """One opening of the same number at a time, until the transaction ends."""
    await connection.execute(LOCK_INS, sorted({lock_number(one) for one in fingerprints}))


FIND_RECORD = "select record_id from ins_fingerprints where fingerprint = any($1::text[]) limit 1"


async def find_record(connection: Connection, fingerprints: Sequence[str]) -> UUID | None:
    """The record of the number with one of these fingerprints."""
    found: UUID | None = await connection.fetchval(FIND_RECORD, fingerprints)
    return found


INSERT_PERSON = "insert into persons (bucket, id, key_id, sealed, created_at) values ($1, $2, $3, $4, $5)"


async def insert_person(connection: Connection, bucket: int, person_id: UUID, sealed: Sealed, at: datetime) -> None:
    """A person, beside their record."""
    await connection.execute(INSERT_PERSON, bucket, person_id, sealed.key_id, sealed.data, at)


SELECT_PERSON = """
select person.id, person.key_id, person.sealed
from records record join persons person on person.bucket = record.bucket and person.id = record.person_id
where record.bucket = $1 and record.id = $2"""


async def load_person(connection: Connection, record_id: UUID) -> tuple[UUID, Sealed]:
    """The holder of a record that exists."""
    row = await connection.fetchrow(SELECT_PERSON, bucket_of(record_id), record_id)
    assert row is not None, "a record without its person"
    return row["id"], Sealed(row["key_id"], row["sealed"])


INSERT_RECORD = """
insert into records (bucket, id, person_id, status, version, opened_at) values ($1, $2, $3, 'open', 1, $4)"""
INSERT_FINGERPRINT = "insert into ins_fingerprints (fingerprint, record_id) values ($1, $2)"


async def insert_record(
    connection: Connection, record_id: UUID, person_id: UUID, fingerprint: str, opened_at: datetime
) -> None:
    """An open record at version 1, found by the fingerprint from now on."""
    await connection.execute(INSERT_RECORD, bucket_of(record_id), record_id, person_id, opened_at)
    await connection.execute(INSERT_FINGERPRINT, fingerprint, record_id)


INSERT_CONTACT = "insert into contacts (bucket, record_id, version, key_id, sealed) values ($1, $2, 1, $3, $4)"


async def insert_contact(connection: Connection, record_id: UUID, sealed: Sealed) -> None:
    """The first contact of a record."""
    await connection.execute(INSERT_CONTACT, bucket_of(record_id), record_id, sealed.key_id, sealed.data)


SELECT_RECORD = "select id, version, in_force_version from records where bucket = $1 and id = $2"


async def load_record(connection: Connection, record_id: UUID) -> RecordState | None:
    """A record's state."""
    row = await connection.fetchrow(SELECT_RECORD, bucket_of(record_id), record_id)
    return None if row is None else RecordState(row["id"], row["version"], row["in_force_version"])


LOCK_TOLD = """
select record.id from records record
join unnest($1::integer[], $2::uuid[]) as told(bucket, id) on record.bucket = told.bucket and record.id = told.id
order by record.bucket, record.id for update of record"""
SET_IN_FORCE = """
update records set in_force_version = told.version
from unnest($1::integer[], $2::uuid[], $3::integer[]) as told(bucket, id, version)
where records.bucket = told.bucket and records.id = told.id and records.in_force_version < told.version"""


async def set_in_force(connection: Connection, versions: Mapping[UUID, int]) -> None:
    """What is in force of each record, never back to an older version."""
    ids = list(versions)
    buckets = [bucket_of(one) for one in ids]
    await connection.execute(LOCK_TOLD, buckets, ids)
    await connection.execute(SET_IN_FORCE, buckets, ids, [versions[one] for one in ids])


UPSERT_PROFESSIONAL = """
insert into professionals (id, name, profession, status, structure_ids, version) values ($1, $2, $3, $4, $5, 1)
on conflict on constraint professionals_pkey do update
set name = excluded.name, profession = excluded.profession, status = excluded.status,
    structure_ids = excluded.structure_ids, version = professionals.version + 1
where (professionals.name, professionals.profession, professionals.status, professionals.structure_ids)
      is distinct from (excluded.name, excluded.profession, excluded.status, excluded.structure_ids)
returning version"""


async def put_professional(connection: Connection, entry: Professional) -> int | None:
    """The new version, or None when the entry stands as it is."""
    version: int | None = await connection.fetchval(
        UPSERT_PROFESSIONAL, entry.id, entry.name, entry.profession, entry.status, list(entry.structure_ids)
    )
    return version


SELECT_PROFESSIONAL = """
select id, name, profession, status, structure_ids, version from professionals where id = $1"""


async def load_professional(connection: Connection, professional_id: str) -> tuple[Professional, int] | None:
    """An entry and its version."""
    row = await connection.fetchrow(SELECT_PROFESSIONAL, professional_id)
    if row is None:
        return None
    structures = tuple(row["structure_ids"])
    return Professional(row["id"], row["name"], row["profession"], row["status"], structures), row["version"]


UPSERT_STRUCTURE = """
insert into structures (id, name, status, version) values ($1, $2, $3, 1)
on conflict on constraint structures_pkey do update
set name = excluded.name, status = excluded.status, version = structures.version + 1
where (structures.name, structures.status) is distinct from (excluded.name, excluded.status)
returning version"""


async def put_structure(connection: Connection, entry: Structure) -> int | None:
    """The new version, or None when the entry stands as it is."""
    version: int | None = await connection.fetchval(UPSERT_STRUCTURE, entry.id, entry.name, entry.status)
    return version


SELECT_STRUCTURES = "select id, name, status, version from structures where id = any($1::text[]) order by id"


async def load_structures(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Structure, int]]:
    """The entries that exist, with their versions, by id."""
    rows = await connection.fetch(SELECT_STRUCTURES, ids)
    return {row["id"]: (Structure(row["id"], row["name"], row["status"]), row["version"]) for row in rows}


INSERT_CLIENT = """
insert into clients (id, name, kind, scopes, jwks, organisation_id) values ($1, $2, $3, $4, $5::jsonb, $6)
on conflict on constraint clients_name_key do nothing returning id"""


async def insert_client(connection: Connection, client_id: str, client: NewClient) -> bool:
    """Whether the name was free."""
    row = [client_id, client.name, client.kind, sorted(client.scopes), _json(client.jwks), client.organisation_id]
    return await connection.fetchval(INSERT_CLIENT, *row) is not None


LOCK_CLIENT_NAMED = """
select id, name, kind, scopes, jwks, organisation_id from clients where name = $1 for update"""


async def lock_client_named(connection: Connection, name: str) -> tuple[str, NewClient]:
    """The client that has the name, as it was registered."""
    row = await connection.fetchrow(LOCK_CLIENT_NAMED, name)
    assert row is not None, "clients are never deleted"
    jwks = tuple(orjson.loads(row["jwks"]))
    return row["id"], NewClient(row["name"], row["kind"], frozenset(row["scopes"]), jwks, row["organisation_id"])


UPDATE_CLIENT = """
update clients set kind = $2, scopes = $3, jwks = $4::jsonb, organisation_id = $5, status = 'active' where id = $1"""


async def update_client(connection: Connection, client_id: str, client: NewClient) -> None:
    """Other rights and keys under the same id and name."""
    scopes = sorted(client.scopes)
    await connection.execute(UPDATE_CLIENT, client_id, client.kind, scopes, _json(client.jwks), client.organisation_id)


SELECT_CLIENT = """
select id, kind, scopes, jwks, organisation_id from clients where id = $1 and status = 'active'"""


async def load_client(connection: Connection, client_id: str) -> Client | None:
    """A client that may ask for tokens."""
    row = await connection.fetchrow(SELECT_CLIENT, client_id)
    if row is None:
        return None
    keys = KeySet.import_key_set({"keys": orjson.loads(row["jwks"])})
    return Client(row["id"], row["kind"], frozenset(row["scopes"]), keys, row["organisation_id"])


USE_ASSERTION = """
insert into used_assertions (client_id, digest, expires_at) values ($1, $2, $3)
on conflict on constraint used_assertions_pkey do nothing returning client_id"""


async def use_assertion(connection: Connection, client_id: str, digest: bytes, expires_at: datetime) -> bool:
    """Whether this is its first use."""
    return await connection.fetchval(USE_ASSERTION, client_id, digest, expires_at) is not None


SWEEP_ASSERTIONS = """
delete from used_assertions where (client_id, digest) in (
  select client_id, digest from used_assertions where expires_at < $1 order by expires_at limit 1000)"""


async def sweep_assertions(connection: Connection, now: datetime) -> None:
    """Forgets what can no longer be used anyway."""
    await connection.execute(SWEEP_ASSERTIONS, now)


def _json(jwks: Sequence[Mapping[str, str]]) -> str:
    return orjson.dumps(list(jwks)).decode()
