"""Shows the registration of one client, for an administrator."""

from services.identity.clients.domain.registrations import ClientUnknownError, Registration
from services.identity.clients.store import clients
from shared.db.pool import Pool


async def show_client(pool: Pool, client_id: str) -> Registration:
    """Returns the registration, whatever its status. Raises ClientUnknownError."""
    async with pool.acquire() as connection:
        registration = await clients.load_registration(connection, client_id)
    if registration is None:
        raise ClientUnknownError
    return registration
