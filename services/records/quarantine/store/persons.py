"""Stores whom kept submissions are about, and finds them by INS fingerprint: at openings and at erasures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.quarantine.domain.causes import WITHOUT_RECORD
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

FIND_RECORDS = """
select f.ins, r.id, r.version, r.status
from record_fingerprints f join records r on r.bucket = f.bucket and r.id = f.record_id
where f.ins = any($1::text[])"""
INSERT_PERSONS = """
insert into quarantined_persons (quarantine_id, ins, record_id)
select $1, given.ins, given.record_id from unnest($2::text[], $3::uuid[]) as given(ins, record_id)
on conflict on constraint quarantined_persons_pkey do update
set record_id = coalesce(excluded.record_id, quarantined_persons.record_id)"""
DELETE_PERSONS = "delete from quarantined_persons where quarantine_id = $1"
SELECT_RECORDS = """
select distinct r.id, r.version
from quarantined_persons p join record_fingerprints f on f.ins = p.ins
join records r on r.bucket = f.bucket and r.id = f.record_id
where p.quarantine_id = $1 order by r.id"""
# The deletion of a submission takes its persons with it; those of the erased record are named for whoever looks.
DESTROY_ABOUT_RECORD = """
with about as materialized (
  select p.quarantine_id from quarantined_persons p
  where p.record_id = $2 or p.ins = (select r.ins from records r where r.bucket = $1 and r.id = $2)
), gone_persons as (
  delete from quarantined_persons p using about where p.quarantine_id = about.quarantine_id returning p.ins
), gone_submissions as (
  delete from quarantined_submissions q using about where q.id = about.quarantine_id returning q.id
)
select (select count(*) from gone_submissions)::integer"""
MARK_OPENED = """
update quarantined_submissions q set resend_at = $2
from quarantined_persons p
where p.ins = any($1::text[]) and q.id = p.quarantine_id and q.cause = any($3::text[]) and q.by_software
  and q.resend_at is null"""
MARK_MISSED = """
update quarantined_submissions q set resend_at = $1
from quarantined_persons p join record_fingerprints f on f.ins = p.ins
join records r on r.bucket = f.bucket and r.id = f.record_id
where q.id = p.quarantine_id and q.cause = any($2::text[]) and q.by_software and q.resend_at is null
  and r.status = 'open'"""


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record that an INS fingerprint finds."""

    id: UUID
    version: int
    is_open: bool


async def find_records(connection: Connection, fingerprints: Collection[str]) -> dict[str, KnownRecord]:
    """Returns the records by the fingerprints that find them."""
    rows = await connection.fetch(FIND_RECORDS, list(fingerprints))
    return {row["ins"]: KnownRecord(row["id"], row["version"], row["status"] == "open") for row in rows}


async def insert_persons(connection: Connection, id: UUID, records: Mapping[str, UUID | None]) -> None:
    """Adds the persons of a submission: fingerprint -> record, None where none is known."""
    await connection.execute(INSERT_PERSONS, id, list(records), list(records.values()))


async def delete_persons(connection: Connection, id: UUID) -> None:
    """Forgets whom a submission is about, with its body."""
    await connection.execute(DELETE_PERSONS, id)


async def select_records(connection: Connection, id: UUID) -> dict[UUID, int]:
    """Returns the ids and versions of the records that a submission is about."""
    return {row["id"]: row["version"] for row in await connection.fetch(SELECT_RECORDS, id)}


async def destroy_about_record(connection: Connection, record_id: UUID) -> int:
    """Destroys every submission about the person of a record, whose row is still there. Returns their number."""
    destroyed: int = await connection.fetchval(DESTROY_ABOUT_RECORD, bucket_of(record_id), record_id)
    return destroyed


async def mark_opened(connection: Connection, fingerprints: Sequence[str], now: datetime) -> None:
    """Lets the submissions about these persons be sent again, now that their records are open."""
    await connection.execute(MARK_OPENED, fingerprints, now, list(WITHOUT_RECORD))


async def mark_missed(connection: Connection, now: datetime) -> None:
    """Does the same for submissions that were being stored at the moment of the opening."""
    await connection.execute(MARK_MISSED, now, list(WITHOUT_RECORD))
