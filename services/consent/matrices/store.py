"""The imported versions of the national matrix."""

from collections.abc import Mapping

import asyncpg
import orjson

from services.consent.matrices.domain import StoredMatrix
from shared.db.pool import Connection, Pool
from shared.terminology.matrix import matrix_of

INSERT_MATRIX = """
insert into matrices (name, version, active_from, allowed, denied, allowed_by_default, csv, imported_at, imported_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict on constraint matrices_pkey do nothing returning name"""


async def insert_matrix(connection: Connection, stored: StoredMatrix) -> bool:
    """Stores a new version. Returns False if a version of this name exists."""
    event = stored.as_event()
    lists = [_to_json(cells) for cells in (event.allowed, event.denied, event.allowed_by_default)]
    values = (event.name, event.version, event.active_from, *lists, stored.text, stored.imported_at, stored.imported_by)
    return await connection.fetchval(INSERT_MATRIX, *values) is not None


SELECT_MATRICES = """
select name, version, active_from, allowed, denied, allowed_by_default, csv, imported_at, imported_by, activated_at,
       activated_by
from matrices order by imported_at, name"""


async def list_matrices(connection: Connection | Pool) -> list[StoredMatrix]:
    """Returns all imported versions, in the order of their import."""
    return [_matrix_of_row(row) for row in await connection.fetch(SELECT_MATRICES)]


LOCK_MATRIX = """
select name, version, active_from, allowed, denied, allowed_by_default, csv, imported_at, imported_by, activated_at,
       activated_by
from matrices where name = $1 for update"""


async def lock_matrix(connection: Connection, name: str) -> StoredMatrix | None:
    """Returns the version of this name, locked until the transaction ends."""
    row = await connection.fetchrow(LOCK_MATRIX, name)
    return None if row is None else _matrix_of_row(row)


UPDATE_MATRIX = """
update matrices set version = $2, active_from = $3, activated_at = $4, activated_by = $5 where name = $1"""


async def activate_matrix(connection: Connection, stored: StoredMatrix) -> None:
    """Stores the date of the activation and who activated the version."""
    matrix = stored.matrix
    by = (stored.activated_at, stored.activated_by)
    await connection.execute(UPDATE_MATRIX, matrix.name, stored.version, matrix.active_from, *by)


def _to_json(lists: Mapping[str, tuple[str, ...]]) -> str:
    return orjson.dumps(lists).decode()


def _matrix_of_row(row: asyncpg.Record) -> StoredMatrix:
    lists = [orjson.loads(row[name]) for name in ("allowed", "denied", "allowed_by_default")]
    matrix = matrix_of(row["name"], row["active_from"], *lists)
    columns = ("imported_at", "imported_by", "activated_at", "activated_by")
    return StoredMatrix(matrix, row["version"], row["csv"], *(row[name] for name in columns))
