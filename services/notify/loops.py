"""What the worker does beside its consumers and senders. Each is a loop of its own: none waits for another."""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from services.notify.store import alert_queue, messages
from services.notify.usecases import forget_alerts as alerts_sweep
from services.notify.usecases import forget_messages as messages_sweep
from shared.db.pool import Pool

WAITING = Gauge("notify_waiting_mails", "Alerts that wait to be sent, or to be tried again.")
WAITING_MESSAGES = Gauge("notify_waiting_messages", "Codes, notices and letters that wait to be sent.", ["channel"])
OBSERVE_EVERY_S = 5.0
SWEEP_EVERY_S = 5.0
LONGEST_SWEEP_S = 20.0


async def forget_alerts(pool: Pool) -> None:
    """Removes what is past of the alerts. A loop of the worker."""
    await _sweep(pool, alerts_sweep.forget_alerts)


async def forget_messages(pool: Pool) -> None:
    """Removes what is past of the messages. A loop of the worker."""
    await _sweep(pool, messages_sweep.forget_messages)


async def observe_queues(pool: Pool) -> None:
    """Looks how much waits. A loop of the worker."""
    async with pool.acquire() as connection:
        WAITING.set(await alert_queue.count_queued(connection))
        for channel, count in (await messages.count_queued(connection)).items():
            WAITING_MESSAGES.labels(channel).set(count)
    await asyncio.sleep(OBSERVE_EVERY_S)


async def _sweep(pool: Pool, forget: Callable[[Pool], Awaitable[bool]]) -> None:
    """Page after page while they are full; returns in time to show that the loop is alive."""
    until = asyncio.get_running_loop().time() + LONGEST_SWEEP_S
    while await forget(pool):
        if asyncio.get_running_loop().time() > until:
            return
    await asyncio.sleep(SWEEP_EVERY_S)
