"""Decides which records of a batch count as failures for the circuit breaker, and which ones await a copy."""

from collections.abc import Sequence

from shared.contracts.base import HeartbeatSent, StateWithheld
from shared.db.pool import Connection
from shared.messaging import copies
from shared.messaging.batch_plan import BatchItem, BatchPlan, MessageKey
from shared.messaging.envelope import InvalidRecord, Message
from shared.messaging.parked_messages import RecordToPark
from shared.messaging.subscription import Subscription

COPY_BEHIND = "copy-behind"
"""The reason for parking a message that awaits a version of a copy."""


def predict_failure(subscription: Subscription, item: BatchItem) -> bool | None:
    """Returns whether the record will fail, as far as decoding shows; None when its outcome does not count."""
    if isinstance(item.decoded, InvalidRecord):
        return subscription.quarantine is None
    reaches_handler = isinstance(item.decoded, Message) and not isinstance(
        item.decoded.event, HeartbeatSent | StateWithheld
    )
    return False if reaches_handler else None


def attempt_outcomes(subscription: Subscription, plan: BatchPlan) -> list[bool]:
    """Returns for each attempt of a committed plan, in order, whether it failed.

    A record that was parked, dropped or skipped was not attempted.
    """
    attempted = {id(outcome) for outcome in (*plan.handled, *plan.invalid_records)}
    return [bool(predict_failure(subscription, item)) for item in plan.finished if id(item.decoded) in attempted]


def parked_for_copy(items: Sequence[BatchItem]) -> list[RecordToPark]:
    """Returns the items as records to park: the first of each key awaits its copy, the others are behind it."""
    first: dict[MessageKey, BatchItem] = {}
    for item in items:
        first.setdefault(item.key, item)
    return [
        RecordToPark(item.record, item.topic, COPY_BEHIND if first[item.key] is item else "behind-dead")
        for item in items
    ]


async def keys_on_broken_copies(connection: Connection, awaiting: Sequence[BatchItem]) -> set[MessageKey]:
    """Returns the keys of those items whose copy is broken: the version that they await may take long to come."""
    topics = {topic for item in awaiting for topic in _seen_topics(item)}
    keys = [item.record.key for item in awaiting if item.record.key]
    broken = await copies.broken_among(connection, sorted(topics), keys)
    return {item.key for item in awaiting if item.record.key in broken}


def _seen_topics(item: BatchItem) -> list[str]:
    return list(getattr(item.decoded.event, "seen", {})) if isinstance(item.decoded, Message) else []
