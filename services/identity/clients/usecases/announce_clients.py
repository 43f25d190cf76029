"""Announces software whose present status no event has announced yet."""

from services.identity.clients.steps import client_changed
from services.identity.clients.store import messaging as store
from services.identity.kit.announcements import announce
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append

PAGE = 100


async def announce_clients(pool: Pool) -> int:
    """Announces a page of clients; returns how many there were."""
    async with transaction(pool) as connection:
        client_ids = await store.lock_unannounced(connection, PAGE)
        events = [await client_changed(connection, client_id) for client_id in client_ids]
        await append(connection, [announce(event) for event in events])
    return len(client_ids)
