"""The matrix in force: its name is asked for with the facts of each request, its cells are read once a version."""

from datetime import datetime

import asyncpg
import orjson

from shared.contracts.topics import CONSENT_MATRICES
from shared.db.pool import Connection
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.terminology.matrix import Matrix, in_force, matrix_of, packaged

SELECT_ACTIVE = """
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


class Matrices:
    """The versions that this process has read so far, beside the packaged ones."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int], Matrix] = {}

    async def active(self, connection: Connection) -> asyncpg.Record:
        """The columns `matrix_*` and `at` of this moment; with a record they come with its facts."""
        row = await connection.fetchrow(SELECT_ACTIVE, CONSENT_MATRICES.name, HEARTBEAT_AHEAD)
        assert row is not None, "it is one row"
        return row

    async def in_force(self, connection: Connection, row: asyncpg.Record) -> Matrix | None:
        """The one that these columns lead to, by the last that is known; None where its cells cannot be had."""
        at: datetime = row["at"]
        known = in_force(packaged(), at)
        if row["matrix_name"] is None:
            return known
        if known is not None and known.active_from is not None and known.active_from > row["matrix_from"]:
            return known
        return await self._read_once(connection, row)

    async def _read_once(self, connection: Connection, row: asyncpg.Record) -> Matrix | None:
        place = (row["matrix_name"], row["matrix_version"])
        if place not in self._read:
            cells = await connection.fetchval(SELECT_CELLS, *place)
            if cells is None:  # a newer version came between the two statements
                return None
            lists = orjson.loads(cells)
            self._read[place] = matrix_of(
                place[0], row["matrix_from"], lists["allowed"], lists["denied"], lists["allowed_by_default"]
            )
        return self._read[place]
