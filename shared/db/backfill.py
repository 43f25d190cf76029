"""Fills a big table page by page, while the service runs.

One statement fills a page. `$1` is the position where the previous page ended, '' at the beginning. The statement
returns `position`, where this page ended or NULL when nothing was left, and `filled`, the number of rows. Each page is
committed with its position, so that an interrupted run continues there.
"""

import asyncio
import time
from typing import Final

import asyncpg

from shared.db.errors import is_transient
from shared.db.pool import Connection
from shared.runtime.logs import log

LOCK_TIMEOUT: Final = "100ms"
"""Shorter than the time after which PostgreSQL looks for deadlocks (1 s), so that a page gives way, never a deposit
or an erasure."""
RETRY_AFTER_S: Final = 0.2
MOST_RETRIES: Final = 300
PROGRESS_EVERY_S: Final = 10.0

CREATE_FILLINGS = """
create table if not exists schema_fillings (
  name text primary key, position text not null, filled bigint not null, updated_at timestamptz not null
)"""
SELECT_POSITION = "select position from schema_fillings where name = $1"
UPSERT_POSITION = """
insert into schema_fillings as known (name, position, filled, updated_at) values ($1, $2, $3, clock_timestamp())
on conflict (name) do update
set position = excluded.position, filled = known.filled + excluded.filled, updated_at = excluded.updated_at
returning filled"""

FORGET_POSITION = "delete from schema_fillings where name = $1"


async def fill(connection: Connection, name: str, statement: str) -> None:
    """Fills page after page until nothing is left. A page that meets a locked row is retried for up to a minute."""
    await connection.execute(CREATE_FILLINGS)
    position: str = await connection.fetchval(SELECT_POSITION, name) or ""
    said_at = time.monotonic()
    while (page := await _page(connection, name, statement, position)) is not None:
        position, filled = page
        if time.monotonic() - said_at > PROGRESS_EVERY_S:
            said_at = time.monotonic()
            log("migration.progressed", migration=name, count=filled)


async def _page(connection: Connection, name: str, statement: str, position: str) -> tuple[str, int] | None:
    """Returns where the page ended and how many rows were filled so far, None at the end. Raises permanent errors,
    and a transient one that persists."""
    for attempt in range(1, MOST_RETRIES + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                page = await connection.fetchrow(statement, position)
                if page is None or page["position"] is None:
                    return None
                return page["position"], await connection.fetchval(
                    UPSERT_POSITION, name, page["position"], page["filled"]
                )
        except asyncpg.PostgresError as error:
            if not is_transient(error) or connection.is_closed() or attempt == MOST_RETRIES:
                raise
        await asyncio.sleep(RETRY_AFTER_S)
    return None
