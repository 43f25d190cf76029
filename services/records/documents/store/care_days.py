"""Finds documents whose day of care does not stand in clear yet, and stores it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection

# Only one process fills at a time; another one that comes to the row goes on with other work.
SELECT_POSITION = "select bucket, document_id, is_finished from care_day_position for update skip locked"
UPDATE_POSITION = "update care_day_position set bucket = $1, document_id = $2, is_finished = $3"
# A page reaches over several partitions in the order of the key: it is a walk over the whole table.
SELECT_PAGE = """
select d.bucket, d.id, d.record_id, d.care_on is null as is_missing, c.metadata, k.kid, k.wrapped
from (
  select bucket, id, record_id, care_on from documents where (bucket, id) > ($1, $2) order by bucket, id limit $3
) d
left join contents c on d.care_on is null and c.bucket = d.bucket and c.document_id = d.id
left join record_keys k on d.care_on is null and k.bucket = d.bucket and k.record_id = d.record_id
order by d.bucket, d.id"""
TAKE_MISSING = """
delete from care_days_missing m using (
  select bucket, document_id from care_days_missing order by bucket, document_id limit $1 for update skip locked
) taken
where m.bucket = taken.bucket and m.document_id = taken.document_id
returning m.bucket, m.document_id"""
SELECT_MISSING = """
select d.bucket, d.id, d.record_id, d.care_on is null as is_missing, c.metadata, k.kid, k.wrapped
from unnest($1::integer[], $2::uuid[]) as missing(bucket, id)
join documents d on d.bucket = missing.bucket and d.id = missing.id
left join contents c on c.bucket = d.bucket and c.document_id = d.id
left join record_keys k on k.bucket = d.bucket and k.record_id = d.record_id"""
# In the order of the key, so that two transactions never wait for each other.
UPDATE_DAYS = """
with sorted as materialized (
  select bucket, id, care_on
  from unnest($1::integer[], $2::uuid[], $3::date[]) as missing(bucket, id, care_on) order by bucket, id
), locked as materialized (
  select sorted.bucket, sorted.id, sorted.care_on
  from sorted
  cross join lateral (
    select d.id from documents d where d.bucket = sorted.bucket and d.id = sorted.id for no key update
  ) as document
)
update documents d set care_on = locked.care_on
from locked where d.bucket = locked.bucket and d.id = locked.id and d.care_on is null"""


@dataclass(frozen=True, slots=True)
class WalkPosition:
    """The last document of the walk over all documents, and whether the walk is over."""

    bucket: int
    document_id: UUID
    is_finished: bool


@dataclass(frozen=True, slots=True)
class UndatedDocument:
    """A document of the walk. `is_missing`: its day of care does not stand in clear; then it has its sealed metadata
    and the key, unless they are gone."""

    bucket: int
    id: UUID
    record_id: UUID
    is_missing: bool
    metadata: bytes | None
    key: WrappedKey | None


async def lock_position(connection: Connection) -> WalkPosition | None:
    """Returns the position of the walk and locks it; None while another process walks."""
    row = await connection.fetchrow(SELECT_POSITION)
    return None if row is None else WalkPosition(row["bucket"], row["document_id"], row["is_finished"])


async def store_position(connection: Connection, position: WalkPosition) -> None:
    """Stores how far the walk has come."""
    await connection.execute(UPDATE_POSITION, position.bucket, position.document_id, position.is_finished)


async def load_page(connection: Connection, after: WalkPosition, limit: int) -> list[UndatedDocument]:
    """Returns the next documents of the walk."""
    rows = await connection.fetch(SELECT_PAGE, after.bucket, after.document_id, limit)
    return [_undated(row) for row in rows]


async def take_missing(connection: Connection, limit: int) -> list[UndatedDocument] | None:
    """Takes documents out of the queue of those that were inserted without a day; None when the queue is empty."""
    taken = await connection.fetch(TAKE_MISSING, limit)
    if not taken:
        return None
    rows = await connection.fetch(
        SELECT_MISSING, [row["bucket"] for row in taken], [row["document_id"] for row in taken]
    )
    return [_undated(row) for row in rows]


async def store_days(connection: Connection, days: Sequence[tuple[UndatedDocument, date]]) -> None:
    """Stores the days of care of documents that have none yet."""
    await connection.execute(
        UPDATE_DAYS,
        [document.bucket for document, _ in days],
        [document.id for document, _ in days],
        [day for _, day in days],
    )


def _undated(row: asyncpg.Record) -> UndatedDocument:
    key = None if row["kid"] is None else WrappedKey(row["kid"], row["wrapped"])
    return UndatedDocument(row["bucket"], row["id"], row["record_id"], row["is_missing"], row["metadata"], key)
