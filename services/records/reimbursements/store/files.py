"""How far each file of reimbursements was read, and the rows of it that were rejected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_FILE = "select pg_try_advisory_lock($1)"
UNLOCK_FILE = "select pg_advisory_unlock($1)"
INSERT_FILE = """
insert into reimbursement_files (digest, source, started_at) values ($1, $2, $3)
on conflict on constraint reimbursement_files_pkey do nothing"""
SELECT_FILE = """
select source, started_at, "row", counts, finished_at from reimbursement_files where digest = $1"""
SET_PROGRESS = """
update reimbursement_files
set "row" = $3, counts = $4, finished_at = $5
where digest = $1 and "row" = $2 and finished_at is null
returning 1"""
INSERT_REJECTIONS = """
insert into reimbursement_rejections (digest, "row", code)
select $1, "row", code from unnest($2::bigint[], $3::text[]) as rejected("row", code)"""
SELECT_REJECTIONS = """
select "row", code from reimbursement_rejections where digest = $1 and "row" > $2 order by "row" limit $3"""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far a file was read. `row`: the number of the last row; `counts`: lines by what became of them."""

    source: UUID
    started_at: datetime
    row: int
    counts: Mapping[str, int]
    is_finished: bool


async def lock_file(connection: Connection, digest: bytes) -> bool:
    """Locks a file for as long as the connection lives. Returns False when another run holds it."""
    held: bool = await connection.fetchval(LOCK_FILE, _lock_number(digest))
    return held


async def unlock_file(connection: Connection, digest: bytes) -> None:
    """Releases the lock. A connection that is only closed holds it until the server notices."""
    await connection.execute(UNLOCK_FILE, _lock_number(digest))


async def begin_file(connection: Connection, digest: bytes, source: UUID, started_at: datetime) -> FileProgress:
    """Returns how far the file was read, from the beginning where it is new."""
    await connection.execute(INSERT_FILE, digest, source, started_at)
    row = await connection.fetchrow(SELECT_FILE, digest)
    assert row is not None, "it was inserted, or was there"
    return _progress(row)


async def set_progress(
    connection: Connection, digest: bytes, previous: FileProgress, current: FileProgress, moment: datetime
) -> bool:
    """Stores the progress, in the transaction of the lines. Returns False when the stored progress is not
    `previous`."""
    counts = orjson.dumps(current.counts).decode()
    finished_at = moment if current.is_finished else None
    held = await connection.fetchval(SET_PROGRESS, digest, previous.row, current.row, counts, finished_at)
    return held is not None


async def insert_rejections(connection: Connection, digest: bytes, rejected: Sequence[tuple[int, str]]) -> None:
    """Keeps number and code of rejected rows."""
    if rejected:
        await connection.execute(
            INSERT_REJECTIONS, digest, [row for row, _ in rejected], [code for _, code in rejected]
        )


async def load_rejections(connection: Connection, digest: bytes, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Returns the next rejected rows of a file: number and code."""
    rows = await connection.fetch(SELECT_REJECTIONS, digest, after, limit)
    return [(row["row"], row["code"]) for row in rows]


def _lock_number(digest: bytes) -> int:
    return lock_number(f"reimbursements:{digest.hex()}")


def _progress(row: asyncpg.Record) -> FileProgress:
    return FileProgress(
        source=row["source"],
        started_at=row["started_at"],
        row=row["row"],
        counts=orjson.loads(row["counts"]),
        is_finished=row["finished_at"] is not None,
    )
