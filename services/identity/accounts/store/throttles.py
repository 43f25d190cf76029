"""Attempt counts. They are in the database, so that all processes share them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from services.identity.accounts.domain.throttling import AttemptCount
from shared.db.pool import Connection

SELECT_COUNTS = "select key, tries, next_at, forgotten_from from throttles where key = any($1::text[])"


async def load_counts(connection: Connection, keys: Sequence[str]) -> dict[str, AttemptCount]:
    """Returns the existing counts, without a lock: a cheap check before anything else."""
    return _counts(await connection.fetch(SELECT_COUNTS, keys))


MAKE_COUNTS = """
insert into throttles (key, tries, next_at, forgotten_from)
select key, 0, $2, $2 from unnest($1::text[]) as key order by key
on conflict on constraint throttles_pkey do nothing"""
LOCK_COUNTS = """
select key, tries, next_at, forgotten_from from throttles where key = any($1::text[]) order by key for update"""


async def lock_counts(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, AttemptCount]:
    """Returns the counts, created where missing, locked until the transaction ends."""
    await connection.execute(MAKE_COUNTS, keys, now)
    return _counts(await connection.fetch(LOCK_COUNTS, keys))


SET_COUNTS = """
update throttles set tries = new.tries, next_at = new.next_at, forgotten_from = new.forgotten_from
from unnest($1::text[], $2::integer[], $3::timestamptz[], $4::timestamptz[]) as new(key, tries, next_at, forgotten_from)
where throttles.key = new.key"""


async def set_counts(connection: Connection, counts: Mapping[str, AttemptCount]) -> None:
    """Stores the counts of rows that the caller has locked."""
    rows = list(counts.values())
    await connection.execute(
        SET_COUNTS,
        list(counts),
        [count.tries for count in rows],
        [count.next_at for count in rows],
        [count.forgotten_from for count in rows],
    )


RESET_ATTEMPTS = """
with mine as (select key from throttles where key = any($1::text[]) order by key for update)
update throttles set tries = case when key like 'source:%' then greatest(tries - 1, 0) else 0 end,
  next_at = least(next_at, $2), told_at = case when key like 'source:%' then told_at end
where key in (select key from mine)"""


async def reset_attempts(connection: Connection, keys: Sequence[str], now: datetime) -> None:
    """Records a successful attempt: the holder's counts return to zero, an address gets its one attempt back."""
    await connection.execute(RESET_ATTEMPTS, keys, now)


MARK_NOTIFIED = """
update throttles set told_at = $2 where key = any($1::text[]) and (told_at is null or told_at < $3) returning key"""


async def mark_notified(connection: Connection, keys: Sequence[str], now: datetime, interval: timedelta) -> bool:
    """Marks the holder as notified about these keys. Returns False when that was done within the last interval."""
    return bool(await connection.fetch(MARK_NOTIFIED, keys, now, now - interval))


SWEEP_THROTTLES = """
delete from throttles where key in (select key from throttles where next_at < $1 order by next_at limit $2)"""


DELETE_COUNTS = "delete from throttles where key = any($1::text[])"


async def delete_counts(connection: Connection, keys: Sequence[str]) -> None:
    """Deletes the counts of an erased record."""
    await connection.execute(DELETE_COUNTS, keys)


def _counts(rows: Sequence[asyncpg.Record]) -> dict[str, AttemptCount]:
    return {row["key"]: AttemptCount(row["tries"], row["next_at"], row["forgotten_from"]) for row in rows}
