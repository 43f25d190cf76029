"""Takes due alerts for a limited time: if their sender dies, another takes them after that."""

from datetime import timedelta

from services.notify.alerts.domain.alerts import DueAlert
from services.notify.alerts.store import alert_queue as store
from services.notify.alerts.store.alert_queue import AlertQueue
from shared.db.pool import Pool
from shared.runtime import clock


async def take_due_alerts(pool: Pool, queue: AlertQueue, limit: int, held_for: timedelta) -> list[DueAlert]:
    """Takes the `limit` longest due alerts of a queue, each with all other due alerts of its kind about its record."""
    now = clock.now()
    async with pool.acquire() as connection:
        return await store.take_due(connection, queue, now, limit, now + held_for)
