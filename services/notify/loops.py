"""Loops of the worker beside its consumers and delivery loops: deletion of old rows, and metrics of the queues."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from services.notify.alerts.store import alert_queue
from services.notify.alerts.usecases import forget_alerts as alerts_sweep
from services.notify.messages import store as messages
from services.notify.messages.usecases import forget_messages as messages_sweep
from shared.db.pool import Pool

QUEUED_ALERTS = Gauge("notify_queued_alerts", "Alerts that wait for their first or next attempt.")
QUEUED_MESSAGES = Gauge(
    "notify_queued_messages", "Codes, notices and letters that wait for their first or next attempt.", ["channel"]
)
OBSERVE_EVERY_S = 5.0
SWEEP_EVERY_S = 5.0
MAX_SWEEP_S = 20.0


async def forget_alerts(pool: Pool) -> None:
    """Deletes old alerts and windows."""
    await _sweep(pool, alerts_sweep.forget_alerts)


async def forget_messages(pool: Pool) -> None:
    """Deletes old messages."""
    await _sweep(pool, messages_sweep.forget_messages)


async def observe_queues(pool: Pool) -> None:
    """Measures the length of the queues."""
    async with pool.acquire() as connection:
        QUEUED_ALERTS.set(await alert_queue.count_queued(connection))
        for channel, count in (await messages.count_queued(connection)).items():
            QUEUED_MESSAGES.labels(channel).set(count)
    await asyncio.sleep(OBSERVE_EVERY_S)


async def _sweep(pool: Pool, delete_batch: Callable[[Pool], Awaitable[bool]]) -> None:
    """Deletes batch after batch while they are full, for 20 s at most, so that the loop shows its progress."""
    until = asyncio.get_running_loop().time() + MAX_SWEEP_S
    while await delete_batch(pool):
        if asyncio.get_running_loop().time() > until:
            return
    await asyncio.sleep(SWEEP_EVERY_S)
