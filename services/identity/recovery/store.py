"""Reads pages of the rows that identity announces anew. Rows are locked, so that no change overtakes its state."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from services.identity.directory.domain.directory import Professional, Structure
from services.identity.directory.store import load_professionals, load_structures
from services.identity.erasure.store import Erasure
from services.identity.lifecycle.store import LifecycleRecord, lifecycle_record
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection

PAGE = 200

PAGE_RECORDS = """
select record.bucket, record.id, record.person_id, record.version, record.opened_at, closure.cause, closure.closed_at,
  person.key_id, person.sealed, record.linked_to
from (
  select bucket, id from records where (bucket, id) > ($1, $2) order by bucket, id limit $3
) as page
cross join lateral (
  select r.bucket, r.id, r.person_id, r.version, r.opened_at, r.linked_to from records r
  where r.bucket = page.bucket and r.id = page.id for share
) as record
join persons person on person.bucket = record.bucket and person.id = record.person_id
left join closures closure on closure.bucket = record.bucket and closure.record_id = record.id"""
PAGE_PEOPLE = """
select people.bucket, people.record_id as id, people.version, people.people
from (
  select bucket, record_id from people_states where (bucket, record_id) > ($1, $2) order by bucket, record_id limit $3
) as page
cross join lateral (
  select s.bucket, s.record_id, s.version, s.people from people_states s
  where s.bucket = page.bucket and s.record_id = page.record_id for share
) as people"""
PAGE_CONTACTS = """
select contact.bucket, contact.record_id as id, contact.version, contact.key_id, contact.sealed
from (
  select bucket, record_id from contacts where (bucket, record_id) > ($1, $2) order by bucket, record_id limit $3
) as page
cross join lateral (
  select c.bucket, c.record_id, c.version, c.key_id, c.sealed from contacts c
  where c.bucket = page.bucket and c.record_id = page.record_id for share
) as contact"""
PAGE_PEOPLE_TO_CALL = """
select called.bucket, called.record_id as id, called.version, called.key_id, called.sealed
from (
  select bucket, record_id from people_to_call where (bucket, record_id) > ($1, $2) order by bucket, record_id limit $3
) as page
cross join lateral (
  select p.bucket, p.record_id, p.version, p.key_id, p.sealed from people_to_call p
  where p.bucket = page.bucket and p.record_id = page.record_id for share
) as called"""
PAGE_ERASURES = """
select bucket, id, record_id, reason, decided_at from erasures
where (bucket, id) > ($1, $2) order by bucket, id limit $3"""
PAGE_PROFESSIONALS = "select id from professionals where id > $1 order by id limit $2 for share"
PAGE_STRUCTURES = "select id from structures where id > $1 order by id limit $2 for share"
PAGE_SOFTWARE = "select id from clients where kind = 'software' and id > $1 order by id limit $2 for update"


async def page_records(connection: Connection, after: tuple[int, UUID]) -> list[LifecycleRecord]:
    """Returns the next records in the order of bucket and id."""
    rows = _in_order(await connection.fetch(PAGE_RECORDS, *after, PAGE))
    return [lifecycle_record(row) for row in rows]


async def page_people(connection: Connection, after: tuple[int, UUID]) -> Sequence[asyncpg.Record]:
    """Returns the next rows (bucket, id of the record, version, people) in their order."""
    return _in_order(await connection.fetch(PAGE_PEOPLE, *after, PAGE))


async def page_contacts(connection: Connection, after: tuple[int, UUID]) -> Sequence[asyncpg.Record]:
    """Returns the next rows (bucket, id of the record, version, key_id, sealed) in their order."""
    return _in_order(await connection.fetch(PAGE_CONTACTS, *after, PAGE))


async def page_people_to_call(connection: Connection, after: tuple[int, UUID]) -> Sequence[asyncpg.Record]:
    """Returns the next rows (bucket, id of the record, version, key_id, sealed) in their order."""
    return _in_order(await connection.fetch(PAGE_PEOPLE_TO_CALL, *after, PAGE))


def _in_order(rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    return sorted(rows, key=lambda row: (row["bucket"], row["id"]))


async def page_erasures(connection: Connection, after: tuple[int, UUID]) -> list[Erasure]:
    """Returns the next erasures in the order of bucket and id."""
    rows = await connection.fetch(PAGE_ERASURES, *after, PAGE)
    return [Erasure(row["id"], row["record_id"], row["reason"], row["decided_at"]) for row in rows]


async def page_professionals(connection: Connection, after: str) -> list[tuple[Professional, int]]:
    """Returns the next professionals with their versions, in the order of id."""
    ids = [row["id"] for row in await connection.fetch(PAGE_PROFESSIONALS, after, PAGE)]
    loaded = await load_professionals(connection, ids)
    return [loaded[id] for id in ids]


async def page_structures(connection: Connection, after: str) -> list[tuple[Structure, int]]:
    """Returns the next structures with their versions, in the order of id."""
    ids = [row["id"] for row in await connection.fetch(PAGE_STRUCTURES, after, PAGE)]
    loaded = await load_structures(connection, ids)
    return [loaded[id] for id in ids]


async def page_software(connection: Connection, after: str) -> list[str]:
    """Returns the ids of the next registered software, locked until the transaction ends."""
    return [row["id"] for row in await connection.fetch(PAGE_SOFTWARE, after, PAGE)]


SELECT_ERASED = "select record_id from erased_records where record_id = any($1::uuid[])"


async def unknown_among(connection: Connection, events: Sequence[RecordErased]) -> list[RecordErased]:
    """Returns the erasures of records that this database does not know as erased."""
    rows = await connection.fetch(SELECT_ERASED, [event.record_id for event in events])
    erased_ids = {row["record_id"] for row in rows}
    return [event for event in events if event.record_id not in erased_ids]


SELECT_MISSING = """
select 'erasure-unacknowledged' as effect, record_id::text as id from erasures where completed_at is null
union all
select 'opening-not-in-force', id::text from records where in_force_version = 0 and status = 'open'"""


async def find_missing(connection: Connection) -> dict[str, list[str]]:
    """Returns the ids of erasures that some service has not acknowledged, and of records that no service confirmed."""
    missing: dict[str, list[str]] = {}
    for row in await connection.fetch(SELECT_MISSING):
        missing.setdefault(row["effect"], []).append(row["id"])
    return missing
