"""Deletes copies whose day is over: a loop of the worker."""

from typing import Final

from services.records.exports import store
from services.records.kit.metrics import EXPORTS
from shared.db.pool import Pool, transaction
from shared.runtime import clock

PAGE: Final = 50


async def expire_exports(pool: Pool) -> bool:
    """Deletes some of them, each in a transaction. Returns whether there may be more."""
    async with pool.acquire() as connection:
        expired = await store.list_expired(connection, clock.now(), PAGE)
    for export_id, record_id in expired:
        async with transaction(pool) as connection:
            await store.delete_export(connection, export_id, record_id)
        EXPORTS.labels("expired").inc()
    return len(expired) == PAGE
