"""Stores sessions in browsers, and in whose records their people act."""

from datetime import datetime
from uuid import UUID

from services.identity.accounts.domain.sessions import OpaqueToken
from services.identity.browser_sessions.domain import BrowserSession
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

INSERT_SESSION = """
insert into browser_sessions (bucket, id, digest, record_id, device_id, professional_id, organisation_id, is_kept,
  started_at, expires_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


async def insert_session(connection: Connection, session: BrowserSession, token: OpaqueToken) -> None:
    """Inserts a session, which the token's cookie continues."""
    person = (session.record_id, session.device_id, session.professional_id, session.organisation_id)
    times = (session.started_at, session.expires_at, session.ends_at)
    await connection.execute(
        INSERT_SESSION, bucket_in(session.id), session.id, token.digest, *person, session.is_kept, *times
    )


LOCK_SESSION = """
select id, record_id, device_id, professional_id, organisation_id, is_kept, started_at, expires_at, ends_at
from browser_sessions where bucket = $1 and id = $2 and digest = $3 for update"""


async def lock_session(connection: Connection, token: OpaqueToken) -> BrowserSession | None:
    """Returns the session of a cookie, expired or not, locked until the transaction ends, or None."""
    row = await connection.fetchrow(LOCK_SESSION, bucket_in(token.id), token.id, token.digest)
    return None if row is None else BrowserSession(*row)


SET_END = "update browser_sessions set expires_at = $3 where bucket = $1 and id = $2"
SET_DEVICE_SESSION_END = "update sessions set expires_at = $3 where bucket = $1 and id = $2"
SET_PROFESSIONAL_SESSION_END = "update professional_sessions set expires_at = $2 where id = $1"


async def move_end(connection: Connection, session: BrowserSession, expires_at: datetime) -> None:
    """Sets when the session ends unless it is used again."""
    await connection.execute(SET_END, bucket_in(session.id), session.id, expires_at)
    if session.record_id is None:
        await connection.execute(SET_PROFESSIONAL_SESSION_END, session.id, expires_at)
    else:
        await connection.execute(SET_DEVICE_SESSION_END, bucket_in(session.id), session.id, expires_at)


DELETE_SESSION = "delete from browser_sessions where bucket = $1 and id = $2"


async def delete_session(connection: Connection, session_id: UUID) -> None:
    """Deletes a session in a browser."""
    await connection.execute(DELETE_SESSION, bucket_in(session_id), session_id)


CONFIRM_ACTING = """
insert into acting_confirmations (bucket, record_id, session_id, expires_at) values ($1, $2, $3, $4)
on conflict on constraint acting_confirmations_pkey do update set expires_at = excluded.expires_at"""


async def confirm_acting(connection: Connection, record_id: UUID, session_id: UUID, expires_at: datetime) -> None:
    """Stores that the person of the session confirmed to act in that record."""
    await connection.execute(CONFIRM_ACTING, bucket_of(record_id), record_id, session_id, expires_at)


IS_CONFIRMED = """
select exists (select from acting_confirmations
  where bucket = $1 and record_id = $2 and session_id = $3 and expires_at > $4)"""


async def is_acting_confirmed(connection: Connection, record_id: UUID, session_id: UUID, now: datetime) -> bool:
    """Returns whether the person of the session confirmed to act in that record."""
    return bool(await connection.fetchval(IS_CONFIRMED, bucket_of(record_id), record_id, session_id, now))


DELETE_OF_RECORD = """
with acting as (delete from acting_confirmations where bucket = $1 and record_id = $2)
delete from browser_sessions where bucket = $1 and record_id = $2 returning id"""


async def delete_browser_sessions_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the sessions of a record's holder in browsers, and who acts there. Returns the deleted rows per table."""
    return {"browser-sessions": len(await connection.fetch(DELETE_OF_RECORD, bucket_of(record_id), record_id))}


SWEEP_SESSIONS = """
with over as (
       delete from browser_sessions where (bucket, id) in (
         select bucket, id from browser_sessions where expires_at < $1 order by expires_at limit $2)
       returning bucket, device_id, is_kept),
     strange as (
       delete from devices using over
       where devices.bucket = over.bucket and devices.id = over.device_id and not over.is_kept)
select from over"""
"""Devices that are not the person's own are deleted with their session."""
SWEEP_CONFIRMATIONS = """
delete from acting_confirmations where (bucket, record_id, session_id) in (
  select bucket, record_id, session_id from acting_confirmations where expires_at < $1 order by expires_at limit $2)"""
