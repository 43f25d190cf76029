"""Finds the records of a batch of lines, and writes the batch: one statement for each kind of change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.records.reimbursements.domain.versions import LineState
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.errors import TransientError
from shared.runtime.clock import bucket_of

FIND_RECORDS = """
select f.ins, r.bucket, r.id, r.status, k.kid, k.wrapped
from unnest($1::text[]) as given(ins)
join record_fingerprints f on f.ins = given.ins
join records r on r.bucket = f.bucket and r.id = f.record_id
join record_keys k on k.bucket = f.bucket and k.record_id = f.record_id"""
# The rows are locked by a statement before the one that reads the lines: what another batch has written meanwhile is
# then seen.
LOCK_KEYS = """
select locked.feed_key, locked.line_key, locked.month
from (select feed_key from unnest($1::bytea[]) as wanted(feed_key) order by feed_key) as sorted
cross join lateral (
  select k.feed_key, k.line_key, k.month from reimbursement_keys k where k.feed_key = sorted.feed_key for update
) as locked"""
SELECT_LINES = """
select r.feed_key, r.line_key, r.month, r.version, r.kind, r.care
from unnest($1::date[], $2::integer[], $3::uuid[], $4::bytea[]) as wanted(month, bucket, record_id, line_key)
join reimbursements r on r.month = wanted.month and r.bucket = wanted.bucket and r.record_id = wanted.record_id
  and r.line_key = wanted.line_key"""
INSERT_KEYS = """
insert into reimbursement_keys (feed_key, kid, line_key, month)
select feed_key, $2, line_key, month
from unnest($1::bytea[], $3::bytea[], $4::date[]) as added(feed_key, line_key, month)
order by feed_key
on conflict on constraint reimbursement_keys_pkey do nothing"""
MOVE_KEYS = """
update reimbursement_keys k set month = moved.month
from unnest($1::bytea[], $2::date[]) as moved(feed_key, month) where k.feed_key = moved.feed_key"""
DELETE_LINES = """
delete from reimbursements r
using unnest($1::date[], $2::integer[], $3::uuid[], $4::bytea[]) as gone(month, bucket, record_id, line_key)
where r.month = gone.month and r.bucket = gone.bucket and r.record_id = gone.record_id and r.line_key = gone.line_key"""
UPSERT_LINES = """
insert into reimbursements (month, bucket, record_id, line_key, feed_key, version, kind, care)
select month, bucket, record_id, line_key, feed_key, version, kind, care
from unnest($1::date[], $2::integer[], $3::uuid[], $4::bytea[], $5::bytea[], $6::integer[], $7::text[], $8::bytea[])
  as given(month, bucket, record_id, line_key, feed_key, version, kind, care)
order by month, bucket, record_id, line_key
on conflict on constraint reimbursements_pkey do update
set version = excluded.version, kind = excluded.kind, care = excluded.care"""
UPSERT_HISTORIES = """
insert into reimbursement_histories (bucket, record_id, filled_at, source)
select bucket, record_id, case when is_shown then $4::timestamptz end, $5
from unnest($1::integer[], $2::uuid[], $3::boolean[]) as filled(bucket, record_id, is_shown)
order by record_id
on conflict on constraint reimbursement_histories_pkey do update
set source = excluded.source, filled_at = coalesce(reimbursement_histories.filled_at, excluded.filled_at)
where reimbursement_histories.source <> excluded.source
   or (reimbursement_histories.filled_at is null and excluded.filled_at is not null)
returning record_id, old.source is distinct from $5 as is_new,
          filled_at is not null and old.filled_at is null as is_first"""


class LineOvertakenError(TransientError):
    """Another batch has entered one of these lines meanwhile; the batch is to be repeated."""

    code = "line-overtaken"


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record to which lines go."""

    bucket: int
    id: UUID
    status: str
    key: WrappedKey


@dataclass(frozen=True, slots=True)
class LinePlace:
    """Where a line is: its record, its key there, its key in the feed, and its month."""

    bucket: int
    record_id: UUID
    line_key: bytes
    feed_key: bytes
    month: date


@dataclass(frozen=True, slots=True)
class FilledRecord:
    """A record that was filled. `is_new`: the source is another one than before; `is_first`: never before was there
    care that all the patient side may learn of."""

    record_id: UUID
    is_new: bool
    is_first: bool


async def find_records(connection: Connection, ins: Sequence[str]) -> Mapping[str, FoundRecord]:
    """Returns the records by INS fingerprint; nothing for a person without one."""
    rows = await connection.fetch(FIND_RECORDS, ins)
    return {
        row["ins"]: FoundRecord(row["bucket"], row["id"], row["status"], WrappedKey(row["kid"], row["wrapped"]))
        for row in rows
    }


async def lock_keys(connection: Connection, feed_keys: Sequence[bytes]) -> Mapping[bytes, tuple[bytes, date]]:
    """Locks the lines that exist. Returns their line key and month by feed key."""
    rows = await connection.fetch(LOCK_KEYS, feed_keys)
    return {row["feed_key"]: (row["line_key"], row["month"]) for row in rows}


async def load_lines(connection: Connection, places: Sequence[LinePlace]) -> Mapping[bytes, LineState]:
    """Returns what is stored at these places, by feed key."""
    if not places:
        return {}
    rows = await connection.fetch(SELECT_LINES, *_places(places))
    return {
        row["feed_key"]: LineState(row["line_key"], row["month"], row["version"], row["kind"], row["care"])
        for row in rows
    }


async def insert_keys(connection: Connection, kid: str, places: Sequence[LinePlace]) -> None:
    """Enters new lines. Raises LineOvertakenError."""
    if not places:
        return
    tag = await connection.execute(
        INSERT_KEYS,
        [place.feed_key for place in places],
        kid,
        [place.line_key for place in places],
        [place.month for place in places],
    )
    if count_of(tag) < len(places):
        raise LineOvertakenError


async def move_lines(connection: Connection, moves: Sequence[tuple[LinePlace, date]]) -> None:
    """Takes lines out of the month in which they were, and enters the month to which they go."""
    if not moves:
        return
    await connection.execute(DELETE_LINES, *_places([place for place, _ in moves]))
    await connection.execute(MOVE_KEYS, [place.feed_key for place, _ in moves], [month for _, month in moves])


async def upsert_lines(connection: Connection, lines: Sequence[tuple[LinePlace, LineState]]) -> None:
    """Writes the lines in their months."""
    if not lines:
        return
    await connection.execute(
        UPSERT_LINES,
        *_places([place for place, _ in lines]),
        [place.feed_key for place, _ in lines],
        [state.version for _, state in lines],
        [state.kind for _, state in lines],
        [state.care for _, state in lines],
    )


async def upsert_histories(
    connection: Connection, records: Mapping[UUID, bool], moment: datetime, source: UUID
) -> Sequence[FilledRecord]:
    """Notes that these records were filled from a source. `records`: whether care came that all the patient side may
    learn of. Returns those of which something was not noted yet."""
    ids = sorted(records)
    rows = await connection.fetch(
        UPSERT_HISTORIES, [bucket_of(id) for id in ids], ids, [records[id] for id in ids], moment, source
    )
    return sorted((FilledRecord(*row.values()) for row in rows), key=lambda filled: filled.record_id)


def _places(places: Sequence[LinePlace]) -> tuple[list[date], list[int], list[UUID], list[bytes]]:
    return (
        [place.month for place in places],
        [place.bucket for place in places],
        [place.record_id for place in places],
        [place.line_key for place in places],
    )
