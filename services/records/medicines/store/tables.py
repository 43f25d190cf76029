"""The versions of the tables about medicines: which is in use, and the loading of another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.records.medicines.domain.table_loads import Edition, FileCounts, TableKind
from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_KIND = "select pg_try_advisory_lock($1)"
UNLOCK_KIND = "select pg_advisory_unlock($1)"
SELECT_IN_USE = "select id, source, dated_on, digest, activated_at from medicine_tables where kind = $1 and in_use"
SELECT_TABLES = """
select id, kind, source, dated_on, began_at, activated_at, in_use, counts from medicine_tables order by began_at desc
limit $1"""
SELECT_REJECTED = """
select file, line, reason from medicine_rejections where table_id = $1 order by file, line limit $2"""
INSERT_TABLE = """
insert into medicine_tables (id, kind, source, dated_on, digest, began_at) values ($1, $2, $3, $4, $5, $6)"""
INSERT_REJECTED = """
insert into medicine_rejections (table_id, file, line, reason)
select $1, $2, line, reason from unnest($3::bigint[], $4::text[]) as rejected(line, reason)"""
RELEASE_FORMER = "update medicine_tables set in_use = false where kind = $1 and in_use"
USE_TABLE = "update medicine_tables set in_use = true, activated_at = $2, counts = $3 where id = $1"
SELECT_LEFT = "select id from medicine_tables where kind = $1 and activated_at is null"
DELETE_TABLE = "delete from medicine_tables where id = $1"
# Rows of versions that are not in use, whichever: those that were released, and those whose loading broke off.
DELETE_MEDICINES = "delete from medicines where table_id = any($1::uuid[])"
DELETE_PACKAGES = "delete from medicine_packages where table_id = any($1::uuid[])"
DELETE_SUBSTANCES = "delete from medicine_substances where table_id = any($1::uuid[])"
DELETE_CLASSES = "delete from medicine_classes where table_id = any($1::uuid[])"
DELETE_INTERACTIONS = "delete from interactions where table_id = any($1::uuid[])"
DELETE_MEMBERS = "delete from interaction_members where table_id = any($1::uuid[])"
DELETE_REJECTED = "delete from medicine_rejections where table_id = any($1::uuid[])"
SELECT_RELEASED = "select id from medicine_tables where kind = $1 and not in_use"
_DELETIONS: Final[Mapping[TableKind, Sequence[str]]] = {
    "medicines": (DELETE_MEDICINES, DELETE_PACKAGES, DELETE_SUBSTANCES, DELETE_CLASSES, DELETE_REJECTED),
    "interactions": (DELETE_INTERACTIONS, DELETE_MEMBERS, DELETE_REJECTED),
}


@dataclass(frozen=True, slots=True)
class TableInUse:
    """The version of a table that is in use."""

    id: UUID
    source: str
    dated_on: date
    digest: bytes
    activated_at: datetime


async def lock_kind(connection: Connection, kind: TableKind) -> bool:
    """Locks the loading of a kind for as long as the connection lives. Returns False when another run holds it."""
    held: bool = await connection.fetchval(LOCK_KIND, _lock_number(kind))
    return held


async def unlock_kind(connection: Connection, kind: TableKind) -> None:
    """Releases the lock."""
    await connection.execute(UNLOCK_KIND, _lock_number(kind))


async def load_in_use(connection: Connection, kind: TableKind) -> TableInUse | None:
    """Returns the version that is in use; None where none was loaded."""
    row = await connection.fetchrow(SELECT_IN_USE, kind)
    return TableInUse(**row) if row is not None else None


async def list_tables(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Returns versions of all kinds, the latest first."""
    rows = await connection.fetch(SELECT_TABLES, limit)
    return [{**row, "counts": orjson.loads(row["counts"])} for row in rows]


async def list_rejected(connection: Connection, table_id: UUID, limit: int) -> list[tuple[str, int, str]]:
    """Returns file, number and reason of lines that a version left out."""
    rows = await connection.fetch(SELECT_REJECTED, table_id, limit)
    return [(row["file"], row["line"], row["reason"]) for row in rows]


async def begin_table(
    connection: Connection, id: UUID, kind: TableKind, edition: Edition, digest: bytes, moment: datetime
) -> None:
    """Begins a version, in the place of those whose loading broke off."""
    for row in await connection.fetch(SELECT_LEFT, kind):
        await delete_rows(connection, kind, [row["id"]])
        await connection.execute(DELETE_TABLE, row["id"])
    await connection.execute(INSERT_TABLE, id, kind, edition.source, edition.dated_on, digest, moment)


async def insert_rejected(connection: Connection, table_id: UUID, file: str, lines: Sequence[tuple[int, str]]) -> None:
    """Keeps number and reason of lines that were not taken."""
    if lines:
        numbers, reasons = [number for number, _ in lines], [reason for _, reason in lines]
        await connection.execute(INSERT_REJECTED, table_id, file, numbers, reasons)


async def use_table(
    connection: Connection, id: UUID, kind: TableKind, counts: Mapping[str, FileCounts], moment: datetime
) -> None:
    """Puts a loaded version to use in the place of the former one."""
    summary = {file: {"taken": each.taken, "rejected": each.rejected} for file, each in counts.items()}
    await connection.execute(RELEASE_FORMER, kind)
    await connection.execute(USE_TABLE, id, moment, orjson.dumps(summary).decode())


async def delete_released(connection: Connection, kind: TableKind) -> None:
    """Deletes the rows of all versions that are not in use."""
    released = [row["id"] for row in await connection.fetch(SELECT_RELEASED, kind)]
    await delete_rows(connection, kind, released)


async def delete_rows(connection: Connection, kind: TableKind, ids: Sequence[UUID]) -> None:
    """Deletes the rows of these versions."""
    for statement in _DELETIONS[kind]:
        await connection.execute(statement, ids)


def _lock_number(kind: TableKind) -> int:
    return lock_number(f"medicine-tables:{kind}")
