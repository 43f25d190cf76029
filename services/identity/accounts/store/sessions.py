"""Devices of holders, their sessions and refresh tokens."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg

from services.identity.accounts.domain.sessions import OpaqueToken
from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

RefreshTokenStatus = Literal["fresh", "used", "unknown"]

FIND_DEVICE = "select id from devices where bucket = $1 and id = $2 and record_id = $3 and digest = $4"


async def is_device_of(connection: Connection, record_id: UUID, token: OpaqueToken) -> bool:
    """Returns whether the token belongs to a device that has signed in to the record before."""
    bucket = bucket_of(record_id)
    return await connection.fetchval(FIND_DEVICE, bucket, token.id, record_id, token.digest) is not None


INSERT_DEVICE = """
insert into devices (bucket, id, record_id, digest, key_id, sealed, first_seen_at, last_seen_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)"""


async def insert_device(
    connection: Connection, record_id: UUID, token: OpaqueToken, name: Sealed, now: datetime
) -> None:
    """Inserts a device that has signed in for the first time."""
    await connection.execute(
        INSERT_DEVICE, bucket_of(record_id), token.id, record_id, token.digest, name.key_id, name.data, now
    )


TOUCH_DEVICE = """
update devices set last_seen_at = $4 where bucket = $1 and id = $2 and record_id = $3 returning id"""


async def touch_device(connection: Connection, record_id: UUID, device_id: UUID, now: datetime) -> bool:
    """Sets when the device was last seen. Returns False when it is not known any more."""
    return await connection.fetchval(TOUCH_DEVICE, bucket_of(record_id), device_id, record_id, now) is not None


SELECT_DEVICES = """
select device.id, device.key_id, device.sealed, device.first_seen_at, device.last_seen_at, session.id as session_id
from devices device
left join sessions session on session.bucket = $1 and session.record_id = $2 and session.device_id = device.id
  and session.ended_at is null and session.expires_at > $3
where device.bucket = $1 and device.record_id = $2 order by device.last_seen_at desc, device.id"""


async def load_devices(connection: Connection, record_id: UUID, now: datetime) -> list[asyncpg.Record]:
    """Returns all devices of a record, the last seen first, with the active session of each."""
    return await connection.fetch(SELECT_DEVICES, bucket_of(record_id), record_id, now)


END_DEVICE_SESSIONS = """
update sessions set ended_at = $4, ended_for = $5
where bucket = $1 and record_id = $2 and device_id = $3 and ended_at is null returning id"""


async def end_device_sessions(
    connection: Connection, record_id: UUID, device_id: UUID, reason: str, now: datetime
) -> list[UUID]:
    """Ends the active sessions of a device and returns their ids."""
    rows = await connection.fetch(END_DEVICE_SESSIONS, bucket_of(record_id), record_id, device_id, now, reason)
    return [row["id"] for row in rows]


INSERT_SESSION = """
insert into sessions (bucket, id, record_id, device_id, started_at, expires_at) values ($1, $2, $3, $4, $5, $6)"""


async def insert_session(
    connection: Connection, record_id: UUID, session_id: UUID, device_id: UUID, now: datetime, expires_at: datetime
) -> None:
    """Inserts a session that lasts until `expires_at` at most."""
    await connection.execute(INSERT_SESSION, bucket_of(record_id), session_id, record_id, device_id, now, expires_at)


INSERT_REFRESHER = "insert into refresh_tokens (bucket, digest, session_id, expires_at) values ($1, $2, $3, $4)"


async def insert_refresh_token(connection: Connection, token: OpaqueToken, expires_at: datetime) -> None:
    """Inserts the refresh token that continues its session next."""
    await connection.execute(INSERT_REFRESHER, bucket_in(token.id), token.digest, token.id, expires_at)


LOCK_SESSION = """
select record_id, device_id, expires_at, ended_at from sessions where bucket = $1 and id = $2 for update"""


async def lock_session(connection: Connection, session_id: UUID) -> asyncpg.Record | None:
    """Returns a session, locked until the transaction ends, or None."""
    return await connection.fetchrow(LOCK_SESSION, bucket_in(session_id), session_id)


LOCK_SESSIONS = """
select id from sessions where bucket = $1 and record_id = $2 and ended_at is null order by id for update"""


async def lock_sessions(connection: Connection, record_id: UUID) -> None:
    """Locks the active sessions of a record in one order, so that transactions that end several do not deadlock."""
    await connection.fetch(LOCK_SESSIONS, bucket_of(record_id), record_id)


USE_ONCE = """
update refresh_tokens set used_at = $4
where bucket = $1 and digest = $2 and session_id = $3 and used_at is null and expires_at > $4 returning session_id"""
WAS_USED = """
select used_at is not null as used from refresh_tokens where bucket = $1 and digest = $2 and session_id = $3"""


async def use_refresh_token(connection: Connection, token: OpaqueToken, now: datetime) -> RefreshTokenStatus:
    """Uses a refresh token and returns its status: `fresh` at the first use, `used` at a later one, `unknown` when the
    token has expired or does not exist."""
    key = bucket_in(token.id), token.digest, token.id
    if await connection.fetchval(USE_ONCE, *key, now) is not None:
        return "fresh"
    return "used" if await connection.fetchval(WAS_USED, *key) else "unknown"


IS_ALIVE = """
select id from sessions where bucket = $1 and id = $2 and ended_at is null and expires_at > $3 for share"""


async def is_alive(connection: Connection, session_id: UUID, now: datetime) -> bool:
    """Returns whether the session has neither ended nor expired. It cannot end before the caller's transaction does."""
    return await connection.fetchval(IS_ALIVE, bucket_in(session_id), session_id, now) is not None


END_SESSIONS = """
update sessions set ended_at = $3, ended_for = $4
where bucket = $1 and record_id = $2 and ended_at is null and id is distinct from $5::uuid returning id"""


async def end_sessions(
    connection: Connection, record_id: UUID, reason: str, now: datetime, *, except_session: UUID | None = None
) -> list[UUID]:
    """Ends all active sessions of a record except one, and returns their ids."""
    rows = await connection.fetch(END_SESSIONS, bucket_of(record_id), record_id, now, reason, except_session)
    return [row["id"] for row in rows]


FORGET_DEVICE = "delete from devices where bucket = $1 and record_id = $2 and id = $3 returning id"


async def forget_device(connection: Connection, record_id: UUID, device_id: UUID) -> bool:
    """Deletes a device. Returns False when it is not known."""
    return await connection.fetchval(FORGET_DEVICE, bucket_of(record_id), record_id, device_id) is not None


FORGET_DEVICES = """
delete from devices where bucket = $1 and record_id = $2 and id not in (
  select device_id from sessions where bucket = $1 and id = $3::uuid)"""


async def forget_devices(connection: Connection, record_id: UUID, *, except_session: UUID | None = None) -> None:
    """Deletes all devices of a record except the one of that session."""
    await connection.execute(FORGET_DEVICES, bucket_of(record_id), record_id, except_session)


DELETE_SESSIONS = """
with ours as (select id from sessions where bucket = $1 and record_id = $2),
     tokens as (delete from refresh_tokens where bucket = $1 and session_id in (select id from ours)),
     machines as (delete from devices where bucket = $1 and record_id = $2 returning id),
     counts as (delete from throttles where key in (
       select kind || id::text from machines, unnest(array['device:', 'reset-device:']) as kind)),
     gone as (delete from sessions where bucket = $1 and record_id = $2 returning id)
select (select count(*) from machines) as devices, (select count(*) from gone) as sessions"""


async def delete_sessions_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes devices, sessions and refresh tokens of a record. Returns the number of deleted rows per table."""
    row = await connection.fetchrow(DELETE_SESSIONS, bucket_of(record_id), record_id)
    assert row is not None, "counts are always there"
    return {"devices": row["devices"], "sessions": row["sessions"]}


SWEEP_REFRESH_TOKENS = """
delete from refresh_tokens where (bucket, digest) in (
  select bucket, digest from refresh_tokens where expires_at < $1 order by expires_at limit $2)"""
SWEEP_SESSIONS = """
delete from sessions where (bucket, id) in (
  select bucket, id from sessions where expires_at < $1 order by expires_at limit $2)"""
