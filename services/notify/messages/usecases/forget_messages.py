"""Deletes handled messages once no request for them can come again."""

from services.notify.delivery.domain import RETENTION
from services.notify.messages import store
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def forget_messages(pool: Pool) -> bool:
    """Deletes a batch of old messages. Returns whether there may be more."""
    async with transaction(pool) as connection:
        return await store.delete_handled_before(connection, clock.now() - RETENTION)
