"""The imported versions of the national matrix."""

from collections.abc import Mapping

import asyncpg
import orjson

from services.consent.domain.matrices import StoredMatrix
from shared.db.pool import Connection, Pool
from shared.terminology.matrix import matrix_of

INSERT_MATRIX = """
insert into matrices (name, version, active_from, allowed, denied, allowed_by_default, imported_at)
values ($1, $2, $3, $4, $5, $6, $7) on conflict on constraint matrices_pkey do nothing returning name"""


async def insert_matrix(connection: Connection, stored: StoredMatrix) -> bool:
    """Keeps a new version. False where one of this name is known."""
    event = stored.as_event()
    lists = [_json(one) for one in (event.allowed, event.denied, event.allowed_by_default)]
    values = (event.name, event.version, event.active_from, *lists, stored.imported_at)
    return await connection.fetchval(INSERT_MATRIX, *values) is not None


SELECT_MATRICES = """
select name, version, active_from, allowed, denied, allowed_by_default, imported_at from matrices
order by imported_at, name"""


async def list_matrices(connection: Connection | Pool) -> list[StoredMatrix]:
    """All that were imported, oldest first."""
    return [_stored(row) for row in await connection.fetch(SELECT_MATRICES)]


LOCK_MATRIX = """
select name, version, active_from, allowed, denied, allowed_by_default, imported_at from matrices
where name = $1 for update"""


async def lock_matrix(connection: Connection, name: str) -> StoredMatrix | None:
    """One of them, until the transaction ends."""
    row = await connection.fetchrow(LOCK_MATRIX, name)
    return None if row is None else _stored(row)


UPDATE_MATRIX = "update matrices set version = $2, active_from = $3 where name = $1"


async def activate_matrix(connection: Connection, stored: StoredMatrix) -> None:
    """Keeps the date."""
    await connection.execute(UPDATE_MATRIX, stored.matrix.name, stored.version, stored.matrix.active_from)


def _json(lists: Mapping[str, tuple[str, ...]]) -> str:
    return orjson.dumps(lists).decode()


def _stored(row: asyncpg.Record) -> StoredMatrix:
    lists = [orjson.loads(row[name]) for name in ("allowed", "denied", "allowed_by_default")]
    return StoredMatrix(matrix_of(row["name"], row["active_from"], *lists), row["version"], row["imported_at"])
