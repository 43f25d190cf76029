"""Deletes alerts and windows once no event about them can come again."""

from datetime import timedelta

from services.notify.alerts.store import alert_queue, alerts
from shared.db.pool import Pool, transaction
from shared.runtime import clock

RETENTION = timedelta(days=63)
"""Longer than a topic retains its facts and an operator may redrive a dead letter after that."""


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
