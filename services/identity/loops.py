"""Loops of identity's worker."""

import asyncio

from services.identity.store import clients
from shared import clock
from shared.db.pool import Pool

SWEEP_EVERY_S = 10.0


async def sweep_assertions(pool: Pool) -> None:
    """Forgets used assertions that have expired."""
    async with pool.acquire() as connection:
        await clients.sweep_assertions(connection, clock.now())
    await asyncio.sleep(SWEEP_EVERY_S)
