"""Writes down what became of messages. Of those that are done with, whom and what is deleted; codes remain."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Counter, Histogram

from services.notify.domain import (
    Delivered,
    DueMessage,
    Expired,
    MessageOutcome,
    Refused,
    RetryAt,
    judge_message,
)
from services.notify.store import messages
from services.notify.store.messages import MessageFate
from shared.db.pool import Pool, transaction
from shared.runtime import clock

MessageResult = tuple[DueMessage, MessageOutcome]
HANDLED = Counter("notify_messages_total", "Codes, notices and letters by what became of them.", ["channel", "outcome"])
SECONDS = Histogram(
    "notify_message_seconds",
    "From the request to the word of the channel's gateway that it has the message.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)


async def settle_messages(pool: Pool, results: Sequence[MessageResult]) -> None:
    """In one transaction. A message settled by somebody else meanwhile is passed over."""
    if not results:
        return
    now = clock.now()
    fates = [_fate(due, judge_message(due, outcome, now), now) for due, outcome in results]
    async with transaction(pool) as connection:
        settled = await messages.settle(connection, fates)
    for fate in fates:
        if fate.request.id in settled and fate.handled_at is not None:
            HANDLED.labels(fate.request.channel, fate.status).inc()
            if fate.status == "sent":
                took = fate.handled_at - fate.request.requested_at
                SECONDS.labels(fate.request.channel).observe(took.total_seconds())


def _fate(due: DueMessage, end: RetryAt | Delivered | Refused | Expired, now: datetime) -> MessageFate:
    match end:
        case RetryAt(reason, attempts, due_at):
            return MessageFate(due.request, "queued", reason, attempts, due_at, None)
        case Delivered(at):
            return MessageFate(due.request, "sent", None, due.attempts + 1, None, at)
        case Refused(reason):
            return MessageFate(due.request, "failed", reason, due.attempts + 1, None, now)
        case Expired():
            return MessageFate(due.request, "expired", None, due.attempts, None, now)
