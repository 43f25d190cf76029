"""The copy of the sessions that identity has ended: a token lives five minutes, its session may end before.

Transactions that change something for good call `check_session`. While the broker is away the copy learns nothing, and
a token stays valid for the rest of its five minutes.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from shared.contracts.identity import SessionEnded
from shared.db.pool import Connection
from shared.errors import SessionOverError
from shared.runtime import clock

KEPT = timedelta(hours=1)
"""Far longer than any access token lives."""
PAGE = 1000

INSERT_ENDED = """
insert into ended_sessions (session_id, ended_at)
select session_id, min(ended_at) from unnest($1::uuid[], $2::timestamptz[]) as ended(session_id, ended_at)
group by session_id order by session_id
on conflict on constraint ended_sessions_pkey do nothing"""
DELETE_PAST = """
delete from ended_sessions where session_id in (
  select session_id from ended_sessions where ended_at < $1 order by ended_at limit $2 for update skip locked)"""
IS_OVER = "select exists (select from ended_sessions where session_id = $1)"


class EndedSessionMessage(Protocol):
    """A message about a session that has ended."""

    @property
    def event(self) -> SessionEnded:
        """The event."""


async def keep_ended_sessions(connection: Connection, messages: Sequence[EndedSessionMessage]) -> None:
    """Stores the sessions of these messages, and deletes those whose tokens have all expired."""
    past = clock.now() - KEPT
    events = [message.event for message in messages if message.event.ended_at >= past]
    await connection.execute(INSERT_ENDED, [event.session_id for event in events], [event.ended_at for event in events])
    await connection.execute(DELETE_PAST, past, PAGE)


async def check_session(connection: Connection, session_id: UUID | None) -> None:
    """Raises SessionOverError when identity has ended the session of the caller's token."""
    if session_id is not None and await connection.fetchval(IS_OVER, session_id):
        raise SessionOverError
