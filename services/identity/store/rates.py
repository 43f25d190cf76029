"""What was asked lately, by keyed hash of whose: sliding windows."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.db.pool import Connection
from shared.messaging.outbox.append import lock_number

LOCK_WHOSE = "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key"
SELECT_RECENT = """
select whose, at from recent_requests where whose = any($1::text[]) and expires_at > $2 order by at"""


async def lock_recent(connection: Connection, whose: Sequence[str], now: datetime) -> dict[str, list[datetime]]:
    """When each of them asked lately, ascending; nobody else counts for them until the transaction ends."""
    await connection.execute(LOCK_WHOSE, sorted({lock_number(one) for one in whose}))
    times: dict[str, list[datetime]] = {one: [] for one in whose}
    for row in await connection.fetch(SELECT_RECENT, whose, now):
        times[row["whose"]].append(row["at"])
    return times


INSERT_RECENT = """
insert into recent_requests (whose, at, expires_at) select whose, $2::timestamptz, $2::timestamptz + kept
from unnest($1::text[], $3::interval[]) as asked(whose, kept)"""


async def insert_recent(connection: Connection, whose: Sequence[str], now: datetime, kept: Sequence[timedelta]) -> None:
    """One more of each."""
    await connection.execute(INSERT_RECENT, whose, now, kept)


SWEEP_RECENT = """
delete from recent_requests where id in (select id from recent_requests where expires_at < $1 limit $2)"""
