"""Stores the outcomes of attempts to deliver messages. The address and the content of a handled message are deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, get_args

from prometheus_client import Counter, Histogram

from services.notify.delivery.domain import Attempt, Delivered, Refused, RetryAt
from services.notify.kit.kinds import Channel
from services.notify.messages import store
from services.notify.messages.domain import (
    DueMessage,
    Expired,
    MessageAttemptOutcome,
    MessageState,
    message_state_after,
)
from services.notify.messages.store import MessageDeliveryOutcome
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.runtime.metrics import start_at_zero

MessageAttempt = Attempt[DueMessage, MessageAttemptOutcome]
HANDLED = Counter(
    "notify_messages_total", "Codes, notices and letters that were handled, by outcome.", ["channel", "outcome"]
)
OUTCOMES: Final = ("sent", "failed", "expired")
SECONDS = Histogram(
    "notify_message_seconds",
    "From the request to the gateway's acceptance of the message.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)


def start_metrics() -> None:
    """Shows the messages by every channel, with every outcome, at zero."""
    start_at_zero(HANDLED, get_args(Channel), OUTCOMES)
    start_at_zero(SECONDS, get_args(Channel))


async def settle_messages(pool: Pool, attempts: Sequence[MessageAttempt]) -> None:
    """Stores the outcomes in one transaction. A message that is no longer queued is skipped."""
    if not attempts:
        return
    now = clock.now()
    outcomes = [_delivery_outcome(due, message_state_after(due, outcome, now), now) for due, outcome in attempts]
    async with transaction(pool) as connection:
        settled = await store.settle(connection, outcomes)
    for outcome in outcomes:
        if outcome.request.id in settled and outcome.handled_at is not None:
            HANDLED.labels(outcome.request.channel, outcome.status).inc()
            if outcome.status == "sent":
                elapsed = outcome.handled_at - outcome.request.requested_at
                SECONDS.labels(outcome.request.channel).observe(elapsed.total_seconds())


def _delivery_outcome(due: DueMessage, state: MessageState, now: datetime) -> MessageDeliveryOutcome:
    match state:
        case RetryAt(reason, attempts, due_at):
            return MessageDeliveryOutcome(due.request, "queued", reason, attempts, due_at, None)
        case Delivered(at):
            return MessageDeliveryOutcome(due.request, "sent", None, due.attempts + 1, None, at)
        case Refused(reason):
            return MessageDeliveryOutcome(due.request, "failed", reason, due.attempts + 1, None, now)
        case Expired():
            return MessageDeliveryOutcome(due.request, "expired", None, due.attempts, None, now)
