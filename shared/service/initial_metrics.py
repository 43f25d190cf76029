"""Shows the metrics of a worker at zero from its start, for every known value of their labels."""

from collections.abc import Iterator, Sequence

from shared.contracts.topics import TOPICS
from shared.errors import CodedError, PermanentError, TransientError
from shared.messaging.envelope import INVALID_CODES, SKIPPED_CODES
from shared.messaging.outbox.producer import PERMANENT_REFUSALS
from shared.messaging.subscription import Subscription
from shared.runtime import metrics
from shared.runtime.metrics import start_at_zero

FAILED_CODE = "handler-failed"
"""The code of a message whose handler fails in an unforeseen way."""


def start_worker_metrics(service: str, subscriptions: Sequence[Subscription]) -> None:
    """Shows the metrics of the groups of these subscriptions, and of the topics that the service writes."""
    metrics.start_build_info()
    groups = [subscription.group.name for subscription in subscriptions]
    for counter in (metrics.CONSUMED, metrics.PARKED, metrics.DROPPED):
        start_at_zero(counter, groups)
    start_at_zero(metrics.DEAD_LETTERED, groups, {*INVALID_CODES, FAILED_CODE, *_codes(PermanentError)})
    start_at_zero(metrics.SKIPPED, groups, SKIPPED_CODES)
    start_at_zero(metrics.RETRIED, groups, set(_codes(TransientError)))
    for subscription in subscriptions:
        metrics.STOPPED.labels(subscription.group.name).set(0)
        for topic in subscription.group.topics:
            metrics.OFFSETS_LOST.labels(subscription.group.name, topic.name).set(0)
    for topic in TOPICS:
        if topic.writer == service:
            metrics.OUTBOX_HELD.labels(topic.name).set(0)
            start_at_zero(metrics.OUTBOX_REFUSED, [topic.name], set(PERMANENT_REFUSALS.values()))


def _codes(error: type[CodedError]) -> Iterator[str]:
    """Yields the codes of an error and of all errors of its kind that this process knows."""
    yield error.code
    for subclass in error.__subclasses__():
        yield from _codes(subclass)
