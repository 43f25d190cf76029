"""Takes alerts whose time has come, for a while: if their sender dies, another takes them after it."""

from datetime import timedelta

from services.notify.domain import AlertChannel, DueAlert
from services.notify.store import alerts as store
from shared import clock
from shared.db.pool import Pool, transaction


async def take_due_alerts(pool: Pool, channel: AlertChannel, limit: int, held_for: timedelta) -> list[DueAlert]:
    """The longest due of one channel first."""
    now = clock.now()
    async with transaction(pool) as connection:
        return await store.take_due(connection, channel, now, limit, now + held_for)
