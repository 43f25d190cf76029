"""Shows how registered software sends messages over MLLP, for an administrator."""

from services.identity.clients.domain.messaging import ClientMessaging
from services.identity.clients.domain.registrations import ClientUnknownError
from services.identity.clients.store import clients, messaging
from shared.db.pool import Pool


async def show_messaging(pool: Pool, client_id: str) -> ClientMessaging:
    """Returns the settings, empty ones where none were set. Raises ClientUnknownError."""
    async with pool.acquire() as connection:
        if await clients.load_registration(connection, client_id) is None:
            raise ClientUnknownError
        return await messaging.load_messaging(connection, client_id)
