"""Takes due messages for a limited time: if their sender dies, another takes them after that."""

from datetime import timedelta

from services.notify.messages import store
from services.notify.messages.domain import DueMessage
from services.notify.messages.store import MessageQueue
from shared.db.pool import Pool
from shared.runtime import clock


async def take_due_messages(pool: Pool, queue: MessageQueue, limit: int, held_for: timedelta) -> list[DueMessage]:
    """Takes the `limit` longest due messages of a queue, the longest due first."""
    now = clock.now()
    async with pool.acquire() as connection:
        return await store.take_due(connection, queue, now, limit, now + held_for)
