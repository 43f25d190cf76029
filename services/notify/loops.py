"""What the worker does beside its consumers and senders."""

import asyncio

from prometheus_client import Gauge

from services.notify.store import alerts, messages
from services.notify.usecases.forget_alerts import forget_alerts
from services.notify.usecases.forget_messages import forget_messages
from shared.db.pool import Pool

WAITING = Gauge("notify_waiting_mails", "Alerts that wait to be sent, or to be tried again.")
WAITING_MESSAGES = Gauge("notify_waiting_messages", "Codes, notices and letters that wait to be sent.", ["channel"])


async def forget(pool: Pool) -> None:
    """The loop `forget` of the worker: removes what is past, and looks how many messages wait."""
    more = [await forget_alerts(pool), await forget_messages(pool)]
    async with pool.acquire() as connection:
        WAITING.set(await alerts.count_queued(connection))
        for channel, count in (await messages.count_queued(connection)).items():
            WAITING_MESSAGES.labels(channel).set(count)
    await asyncio.sleep(0.1 if any(more) else 5)
