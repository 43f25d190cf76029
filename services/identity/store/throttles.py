"""How often something was tried: in the database, so that all processes count together."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import asyncpg

from services.identity.domain.throttling import Count
from shared.db.pool import Connection

SELECT_COUNTS = "select key, tries, next_at, forgotten_from from throttles where key = any($1::text[])"


async def load_counts(connection: Connection, keys: Sequence[str]) -> dict[str, Count]:
    """The counts that there are: the cheap look before anything else."""
    return _counts(await connection.fetch(SELECT_COUNTS, keys))


MAKE_COUNTS = """
insert into throttles (key, tries, next_at, forgotten_from)
select key, 0, $2, $2 from unnest($1::text[]) as key order by key
on conflict on constraint throttles_pkey do nothing"""
LOCK_COUNTS = """
select key, tries, next_at, forgotten_from from throttles where key = any($1::text[]) order by key for update"""


async def lock_counts(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, Count]:
    """The counts, made where they are missing; nobody else changes them until the transaction ends."""
    await connection.execute(MAKE_COUNTS, keys, now)
    return _counts(await connection.fetch(LOCK_COUNTS, keys))


SET_COUNTS = """
update throttles set tries = new.tries, next_at = new.next_at, forgotten_from = new.forgotten_from
from unnest($1::text[], $2::integer[], $3::timestamptz[], $4::timestamptz[]) as new(key, tries, next_at, forgotten_from)
where throttles.key = new.key"""


async def set_counts(connection: Connection, counts: Mapping[str, Count]) -> None:
    """What they are from now on; the rows are locked."""
    rows = list(counts.values())
    await connection.execute(
        SET_COUNTS,
        list(counts),
        [one.tries for one in rows],
        [one.next_at for one in rows],
        [one.forgotten_from for one in rows],
    )


GIVE_BACK = """
with mine as (select key from throttles where key = any($1::text[]) order by key for update)
update throttles set tries = case when key like 'source:%' then greatest(tries - 1, 0) else 0 end,
  next_at = least(next_at, $2), told_at = case when key like 'source:%' then told_at end
where key in (select key from mine)"""


async def give_back(connection: Connection, keys: Sequence[str], now: datetime) -> None:
    """A try that ended well: the holder's counts begin anew, an address gets its one try back."""
    await connection.execute(GIVE_BACK, keys, now)


MARK_TOLD = """
update throttles set told_at = $2 where key = any($1::text[]) and (told_at is null or told_at < $3) returning key"""


async def mark_told(connection: Connection, keys: Sequence[str], now: datetime, again_after: timedelta) -> bool:
    """Whether the holder has not been told of these lately; they are about to be."""
    return bool(await connection.fetch(MARK_TOLD, keys, now, now - again_after))


SWEEP_THROTTLES = """
delete from throttles where key in (select key from throttles where next_at < $1 order by next_at limit $2)"""


DELETE_COUNTS = "delete from throttles where key = any($1::text[])"


async def delete_counts(connection: Connection, keys: Sequence[str]) -> None:
    """What was counted of a record that is erased."""
    await connection.execute(DELETE_COUNTS, keys)


def _counts(rows: Sequence[asyncpg.Record]) -> dict[str, Count]:
    return {row["key"]: Count(row["tries"], row["next_at"], row["forgotten_from"]) for row in rows}
