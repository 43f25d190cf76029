"""Whether the session of a holder's token is still alive: asked by every act of theirs here, in its transaction."""

from uuid import UUID

from services.identity.store import sessions
from shared.db.pool import Connection
from shared.errors import SessionOverError
from shared.runtime import clock


async def check_session(connection: Connection, session_id: UUID | None) -> None:
    """Within a transaction the session does not end before that does. The demonstration's tokens have none.

    Raises SessionOverError.
    """
    if session_id is not None and not await sessions.is_alive(connection, session_id, clock.now()):
        raise SessionOverError
