"""Forgets alerts and windows once no message about them can come again."""

from datetime import timedelta

from services.notify.store import alert_queue, alerts
from shared.db.pool import Pool, transaction
from shared.runtime import clock

KEPT = timedelta(days=63)
"""Longer than a topic keeps its facts and, after that, an operator may redrive a letter."""


async def forget_alerts(pool: Pool) -> bool:
    """A part of them. Returns whether there may be more."""
    async with transaction(pool) as connection:
        past = clock.now() - KEPT
        more = [
            await alert_queue.forget_before(connection, past),
            await alert_queue.forget_windows(connection, past),
            await alerts.forget_windows(connection, past),
        ]
    return any(more)
