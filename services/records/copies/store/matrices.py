"""The access matrix in force: each request loads its version with the facts, and its cells once for each version."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from shared.contracts.topics import CONSENT_MATRICES
from shared.db.pool import Connection
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.terminology.matrix import Matrix, in_force, matrix_of, packaged

SELECT_MATRIX_STATE = """
select m.name as matrix_name, m.version as matrix_version, m.active_from as matrix_from, statement_timestamp() as at,
       (select case when max(at) <= statement_timestamp() + $2::interval then min(at) end
        from copy_watermarks where topic = $1) as matrix_at,
       exists (select from broken_copies where topic = $1) as matrix_broken
from (select 1) as always
left join lateral (
  select name, version, active_from from matrices
  where active_from <= statement_timestamp() order by active_from desc, name desc limit 1
) m on true"""
SELECT_CELLS = "select cells from matrices where name = $1 and version = $2"


@dataclass(frozen=True, slots=True)
class MatrixVersion:
    """One version of a stored matrix, in force from `active_from` on."""

    name: str
    version: int
    active_from: datetime


@dataclass(frozen=True, slots=True)
class MatrixState:
    """What the local copies say about the matrices at the moment `at`.

    `stored`: the stored version that is in force, None if none is. `watermark`: the oldest one of all partitions, None
    where it is unknown. `is_broken`: some matrix could not be applied.
    """

    at: datetime
    stored: MatrixVersion | None
    watermark: datetime | None
    is_broken: bool

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> "MatrixState":
        """Returns the state from the columns `at` and `matrix_*` of `SELECT_MATRIX_STATE` or of a record's facts."""
        stored = None
        if row["matrix_name"] is not None:
            stored = MatrixVersion(row["matrix_name"], row["matrix_version"], row["matrix_from"])
        return cls(at=row["at"], stored=stored, watermark=row["matrix_at"], is_broken=row["matrix_broken"])


class MatrixCache:
    """The matrices that this process has loaded so far, beside the packaged ones."""

    def __init__(self) -> None:
        self._matrices: dict[MatrixVersion, Matrix] = {}

    async def load_state(self, connection: Connection) -> MatrixState:
        """Loads the state of this moment, where no record's facts are loaded."""
        row = await connection.fetchrow(SELECT_MATRIX_STATE, CONSENT_MATRICES.name, HEARTBEAT_AHEAD)
        assert row is not None, "the statement always returns one row"
        return MatrixState.from_row(row)

    async def load_in_force(self, connection: Connection, state: MatrixState) -> Matrix | None:
        """Returns the matrix in force, stored or packaged; None where the cells of the stored one cannot be loaded."""
        packaged_matrix = in_force(packaged(), state.at)
        if state.stored is None or _is_later(packaged_matrix, state.stored):
            return packaged_matrix
        return await self._load(connection, state.stored)

    async def _load(self, connection: Connection, version: MatrixVersion) -> Matrix | None:
        if version not in self._matrices:
            cells = await connection.fetchval(SELECT_CELLS, version.name, version.version)
            if cells is None:  # a newer version was stored between the two statements
                return None
            self._matrices[version] = _parse_matrix(version, cells)
        return self._matrices[version]


def _is_later(matrix: Matrix | None, stored: MatrixVersion) -> bool:
    return matrix is not None and matrix.active_from is not None and matrix.active_from > stored.active_from


def _parse_matrix(version: MatrixVersion, cells: str) -> Matrix:
    content = orjson.loads(cells)
    return matrix_of(
        version.name, version.active_from, content["allowed"], content["denied"], content["allowed_by_default"]
    )
