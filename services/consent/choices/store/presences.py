"""The readings of patients' cards that were used for an act."""

from datetime import datetime, timedelta

from shared.db.pool import Connection

RETENTION = timedelta(hours=1)
"""Far longer than a token is valid."""
PAGE = 100

INSERT_USED = """
insert into used_presences (token_id, used_at) values ($1, $2)
on conflict on constraint used_presences_pkey do nothing returning token_id"""
DELETE_PAST = """
delete from used_presences where token_id in (
  select token_id from used_presences where used_at < $1 order by used_at limit $2 for update skip locked)"""


async def use_presence(connection: Connection, token_id: str, now: datetime) -> bool:
    """Returns whether this is the first act with the token. Deletes old rows on the way."""
    await connection.execute(DELETE_PAST, now - RETENTION, PAGE)
    return await connection.fetchval(INSERT_USED, token_id, now) is not None
