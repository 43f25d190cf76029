"""Deduplicates events: stores the ids of handled events in the handler's transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.db.pool import Connection

CLAIM = """
insert into inbox (event_time, group_name, event_id)
select event_time, $1, event_id from unnest($2::timestamptz[], $3::uuid[]) as event(event_time, event_id)
on conflict do nothing returning event_id"""
MAINTAIN = "select maintain_inbox($1)"
DAYS_KEPT = 33
"""Longer than any fact topic keeps its records; a redrive refuses dead letters that are older."""


async def claim(connection: Connection, group: str, times: Sequence[datetime], ids: Sequence[UUID]) -> set[UUID]:
    """Stores these events as handled by the group. Returns the ids that were new."""
    return {row["event_id"] for row in await connection.fetch(CLAIM, group, times, ids)}


async def maintain(connection: Connection) -> None:
    """Creates the table partitions of the coming days and drops those of past days."""
    await connection.execute(MAINTAIN, DAYS_KEPT)
