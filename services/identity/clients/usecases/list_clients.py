"""Lists registered clients page after page, for an administrator."""

from dataclasses import dataclass

from services.identity.clients.domain.clients import ClientStatus
from services.identity.clients.domain.registrations import Registration
from services.identity.clients.store import clients
from shared.db.pool import Pool


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Selects clients; None selects all."""

    organisation_id: str | None = None
    status: ClientStatus | None = None


@dataclass(frozen=True, slots=True)
class ClientPage:
    """A page of clients, in the order of their registration. `next`: where the next one begins; None: nowhere."""

    registrations: list[Registration]
    next: str | None


async def list_clients(pool: Pool, chosen: ClientFilter, after: str, limit: int) -> ClientPage:
    """Returns at most `limit` clients after that id; the empty text is before all."""
    async with pool.acquire() as connection:
        rows = await clients.list_registrations(connection, after, chosen.organisation_id, chosen.status, limit + 1)
    page = rows[:limit]
    return ClientPage(page, page[-1].id if len(rows) > limit else None)
