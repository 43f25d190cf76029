"""Whether a token's session is still alive: for what changes how its holder proves who they are."""

from uuid import UUID

from services.identity.domain.sessions import SessionOverError
from services.identity.store import sessions
from shared import clock
from shared.db.pool import Connection


async def check_session(connection: Connection, session_id: UUID | None) -> None:
    """Elsewhere an access token outlives its session by five minutes at most; here it does not. The demonstration's
    tokens have no session. Raises SessionOverError."""
    if session_id is not None and not await sessions.is_alive(connection, session_id, clock.now()):
        raise SessionOverError
