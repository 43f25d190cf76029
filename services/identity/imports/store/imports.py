"""The progress of imports."""

import asyncpg

from services.identity.imports.domain.imports import FileIdentity, ImportKind, ImportOvertakenError, ImportProgress
from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_KIND = "select pg_try_advisory_lock($1)"
UNLOCK_KIND = "select pg_advisory_unlock($1)"


async def lock_kind(connection: Connection, kind: ImportKind) -> bool:
    """Locks the imports of this kind for as long as the connection lives. Returns False when another import holds the
    lock."""
    held: bool = await connection.fetchval(LOCK_KIND, lock_number(f"import:{kind}"))
    return held


async def unlock_kind(connection: Connection, kind: ImportKind) -> None:
    """Releases the lock. A connection that is only closed holds it until the server notices."""
    await connection.execute(UNLOCK_KIND, lock_number(f"import:{kind}"))


SELECT_IMPORT = """
select started_at, byte_offset, lines, changed, rejected, rejected_bytes, unreadable, step, cursor
from imports where kind = $1 and file_digest = $2 and file_size = $3"""


async def load_import(connection: Connection, kind: ImportKind, file: FileIdentity) -> ImportProgress | None:
    """Returns the progress through this file, or None."""
    row = await connection.fetchrow(SELECT_IMPORT, kind, file.digest, file.size)
    return None if row is None else _progress(row)


RESET_IMPORT = """
insert into imports (kind, file_digest, file_size, started_at) values ($1, $2, $3, $4)
on conflict on constraint imports_pkey do update
set byte_offset = 0, lines = 0, changed = 0, rejected = 0, rejected_bytes = 0, unreadable = 0, step = 'reading',
    cursor = '', started_at = excluded.started_at, finished_at = null"""


async def reset_import(connection: Connection, kind: ImportKind, file: FileIdentity, progress: ImportProgress) -> None:
    """Resets the progress to the beginning of the file."""
    await connection.execute(RESET_IMPORT, kind, file.digest, file.size, progress.started_at)


SET_PROGRESS = """
update imports
set byte_offset = $6, lines = $7, changed = $8, rejected = $9, rejected_bytes = $10, unreadable = $11, step = $12,
    cursor = $13, finished_at = case when $12 = 'done' then clock_timestamp() end
where kind = $1 and file_digest = $2 and file_size = $3 and byte_offset = $4 and cursor = $5
returning 1"""


async def set_progress(
    connection: Connection, kind: ImportKind, file: FileIdentity, previous: ImportProgress, current: ImportProgress
) -> None:
    """Stores the progress in the transaction of the rows. Raises ImportOvertakenError when the stored progress is not
    `previous`."""
    counts = (current.lines, current.changed, current.rejected, current.rejected_bytes, current.unreadable)
    place = (kind, file.digest, file.size, previous.offset, previous.cursor)
    if await connection.fetchval(SET_PROGRESS, *place, current.offset, *counts, current.step, current.cursor) is None:
        raise ImportOvertakenError


def _progress(row: asyncpg.Record) -> ImportProgress:
    return ImportProgress(
        started_at=row["started_at"],
        offset=row["byte_offset"],
        lines=row["lines"],
        changed=row["changed"],
        rejected=row["rejected"],
        rejected_bytes=row["rejected_bytes"],
        unreadable=row["unreadable"],
        step=row["step"],
        cursor=row["cursor"],
    )
