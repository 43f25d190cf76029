"""Labels outcomes for metrics, and writes log lines about them."""

from collections import Counter as Counts
from collections.abc import Iterable

from services.notify.delivery.domain import AwaitingKey, Deferred, Delivered, Refused, Skipped
from services.notify.kit.kinds import Channel
from shared.runtime.logs import LogEvent, log

LOG_EVENTS: tuple[tuple[str, LogEvent], ...] = (
    ("sent", "delivery.sent"),
    ("deferred", "delivery.deferred"),
    ("failed", "delivery.failed"),
    ("skipped", "delivery.deferred"),
)

OUTCOMES = ("sent", "failed", "deferred", "skipped", "not-sent")
"""The labels of outcomes."""


def outcome_label(outcome: object) -> str:
    """Returns the label of an outcome in metrics."""
    match outcome:
        case Delivered():
            return "sent"
        case Refused():
            return "failed"
        case Deferred() | AwaitingKey():
            return "deferred"
        case Skipped():
            return "skipped"
        case _:
            return "not-sent"


def log_outcomes(channel: Channel, labels: Iterable[str]) -> None:
    """Writes one log line for each kind of outcome of a channel, with its count."""
    counts = Counts(labels)
    for label, event in LOG_EVENTS:
        if counts[label]:
            log(event, channel=channel, count=counts[label])
