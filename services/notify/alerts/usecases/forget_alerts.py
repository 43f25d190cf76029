"""Deletes alerts and windows once no event about them can come again."""

from services.notify.alerts.store import alert_queue, alerts
from services.notify.delivery.domain import RETENTION
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def forget_alerts(pool: Pool) -> bool:
    """Deletes a batch of old alerts and windows. Returns whether there may be more."""
    async with transaction(pool) as connection:
        oldest_kept = clock.now() - RETENTION
        more = [
            await alert_queue.delete_handled_before(connection, oldest_kept),
            await alert_queue.delete_windows_before(connection, oldest_kept),
            await alerts.delete_windows_before(connection, oldest_kept),
        ]
    return any(more)
