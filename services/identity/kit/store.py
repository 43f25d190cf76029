"""Times of recent requests by keyed hash of the requester, for sliding windows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_KEYS = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"
SELECT_RECENT = """
select whose, at from recent_requests where whose = any($1::text[]) and expires_at > $2 order by at"""


async def lock_request_times(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, list[datetime]]:
    """Returns the times of recent requests per key, ascending. The keys are locked until the transaction ends."""
    await connection.execute(LOCK_KEYS, sorted({lock_number(key) for key in keys}))
    times: dict[str, list[datetime]] = {key: [] for key in keys}
    for row in await connection.fetch(SELECT_RECENT, keys, now):
        times[row["whose"]].append(row["at"])
    return times


INSERT_RECENT = """
insert into recent_requests (whose, at, expires_at) select whose, $2::timestamptz, $2::timestamptz + kept
from unnest($1::text[], $3::interval[]) as asked(whose, kept)"""


async def insert_requests(
    connection: Connection, keys: Sequence[str], now: datetime, windows: Sequence[timedelta]
) -> None:
    """Inserts one request per key, kept for its window."""
    await connection.execute(INSERT_RECENT, keys, now, windows)


SWEEP_RECENT = """
delete from recent_requests where id in (select id from recent_requests where expires_at < $1 limit $2)"""
