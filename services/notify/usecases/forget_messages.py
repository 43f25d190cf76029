"""Forgets messages that are done with, once no request about them can come again."""

from services.notify.store import messages
from services.notify.usecases.forget_alerts import KEPT
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def forget_messages(pool: Pool) -> bool:
    """A part of them. Returns whether there may be more."""
    async with transaction(pool) as connection:
        return await messages.forget_before(connection, clock.now() - KEPT)
