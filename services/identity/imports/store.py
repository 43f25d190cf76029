"""Stores the progress of imports, and the directory's lines."""

from collections.abc import Sequence

import asyncpg

from services.identity.directory.domain.directory import Professional
from services.identity.imports.domain import (
    ActivityLine,
    FileIdentity,
    ImportKind,
    ImportOvertakenError,
    ImportProgress,
    ProfessionalActivities,
)
from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_KIND = "select pg_try_advisory_lock($1)"
UNLOCK_KIND = "select pg_advisory_unlock($1)"


async def lock_kind(connection: Connection, kind: ImportKind) -> bool:
    """Locks the imports of this kind for as long as the connection lives.

    Returns False when another import holds the lock.
    """
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
    """Stores the progress in the transaction of the rows.

    Raises ImportOvertakenError when the stored progress is not `previous`.
    """
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


CLEAR = "truncate directory_lines"


async def clear_lines(connection: Connection) -> None:
    """Deletes all lines."""
    await connection.execute(CLEAR)


INSERT_LINES = """
insert into directory_lines (professional_id, line, name, profession, specialty, structure_id, structure_name)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])"""


async def insert_lines(connection: Connection, lines: Sequence[ActivityLine]) -> None:
    """Stores a batch of lines until the whole file has been read."""
    await connection.execute(
        INSERT_LINES,
        [line.professional_id for line in lines],
        [line.line for line in lines],
        [line.name for line in lines],
        [line.profession for line in lines],
        [line.specialty for line in lines],
        [line.structure_id for line in lines],
        [line.structure_name for line in lines],
    )


SELECT_STRUCTURES = """
select structure_id, max(structure_name) as name from directory_lines
where structure_id > $1 group by structure_id order by structure_id limit $2"""


async def load_structures_page(connection: Connection, after: str, limit: int) -> dict[str, str | None]:
    """Returns the next structures by id, with their names where the file has one."""
    rows = await connection.fetch(SELECT_STRUCTURES, after, limit)
    return {row["structure_id"]: row["name"] for row in rows}


SELECT_PROFESSIONALS = """
select professional_id, array_agg(distinct name) filter (where name <> '') as names,
       coalesce(array_agg(distinct profession) filter (where profession is not null), '{}') as professions,
       coalesce(array_agg(distinct specialty) filter (where specialty is not null), '{}') as specialties,
       coalesce(array_agg(distinct structure_id) filter (where structure_id is not null), '{}') as structure_ids
from directory_lines where professional_id > $1
group by professional_id having bool_or(name <> '') order by professional_id limit $2"""


async def load_professionals_page(connection: Connection, after: str, limit: int) -> list[ProfessionalActivities]:
    """Returns the next professionals by id, with the combined content of their lines. Who stands on rejected lines
    alone is passed over."""
    return [ProfessionalActivities(*row.values()) for row in await connection.fetch(SELECT_PROFESSIONALS, after, limit)]


COUNT_ABSENT = """
select count(*) as active,
       count(*) filter (where not exists (
         select from directory_lines where professional_id = professionals.id)) as absent
from professionals where status = 'active' and listed"""


async def count_absent(connection: Connection) -> tuple[int, int]:
    """Returns how many active professionals came with a file, and how many of them have no line in this one."""
    row = await connection.fetchrow(COUNT_ABSENT)
    assert row is not None
    return row["active"], row["absent"]


SELECT_ABSENT = """
select id, name, profession, status, structure_ids, specialties from professionals
where status = 'active' and listed and id > $1
  and not exists (select from directory_lines where professional_id = professionals.id)
order by id limit $2 for update"""


async def load_absent_page(connection: Connection, after: str, limit: int) -> list[Professional]:
    """Returns the next active professionals by id, locked, who came with a file and have no line in this one."""
    rows = await connection.fetch(SELECT_ABSENT, after, limit)
    return [
        Professional(
            row["id"],
            row["name"],
            row["profession"],
            row["status"],
            tuple(row["structure_ids"]),
            tuple(row["specialties"]),
        )
        for row in rows
    ]
