"""What single records of a batch tell: to the circuit breaker, and about the copies on which they rest."""

from collections.abc import Sequence

from shared.contracts.base import HeartbeatSent, StateWithheld
from shared.db.pool import Connection
from shared.messaging import copies
from shared.messaging.batch_plan import BatchPlan, Item, Key
from shared.messaging.envelope import InvalidRecord, Message
from shared.messaging.parked_messages import Parked
from shared.messaging.subscription import Subscription

COPY_BEHIND = "copy-behind"
"""The reason for which a message that rests on a copy is parked."""


def predict_failure(subscription: Subscription, item: Item) -> bool | None:
    """Whether the record will fail, as far as that is known; None where its outcome will tell nothing."""
    if isinstance(item.decoded, InvalidRecord):
        return subscription.quarantine is None
    is_of_owner = isinstance(item.decoded, Message) and not isinstance(
        item.decoded.event, HeartbeatSent | StateWithheld
    )
    return False if is_of_owner else None


def failures(subscription: Subscription, plan: BatchPlan) -> list[bool]:
    """Which attempts of a committed plan failed, in order; what was parked, dropped or passed over was none."""
    attempted = {id(outcome) for outcome in (*plan.handled, *plan.invalid_records)}
    return [bool(predict_failure(subscription, item)) for item in plan.finished if id(item.decoded) in attempted]


def first_and_behind(items: Sequence[Item]) -> list[Parked]:
    """The first of each key awaits its copy; the others are behind it."""
    first: dict[Key, Item] = {}
    for item in items:
        first.setdefault(item.key, item)
    return [
        Parked(item.record, item.topic, COPY_BEHIND if first[item.key] is item else "behind-dead") for item in items
    ]


async def rest_on_broken(connection: Connection, awaiting: Sequence[Item]) -> set[Key]:
    """The keys of those that rest on a copy which is broken: it may not come for long."""
    topics = {topic for item in awaiting for topic in _seen_topics(item)}
    keys = [item.record.key for item in awaiting if item.record.key]
    broken = await copies.broken_among(connection, sorted(topics), keys)
    return {item.key for item in awaiting if item.record.key in broken}


def _seen_topics(item: Item) -> list[str]:
    return list(getattr(item.decoded.event, "seen", {})) if isinstance(item.decoded, Message) else []
