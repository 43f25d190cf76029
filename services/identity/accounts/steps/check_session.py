"""Checks that the session of a holder's token is active. Every act of a holder here does so in its transaction."""

from uuid import UUID

from services.identity.accounts.store import sessions
from shared.db.pool import Connection
from shared.errors import SessionOverError
from shared.runtime import clock


async def check_session(connection: Connection, session_id: UUID | None) -> None:
    """The session cannot end before the caller's transaction does. Tokens of the demonstration have no session.

    Raises SessionOverError.
    """
    if session_id is not None and not await sessions.is_alive(connection, session_id, clock.now()):
        raise SessionOverError
