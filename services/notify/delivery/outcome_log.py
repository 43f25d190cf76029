"""Labels of outcomes in metrics, and log lines about them."""

from collections import Counter as Counts
from collections.abc import Iterable

from services.notify.delivery.domain import AwaitingKey, Deferred, Delivered, Refused, Skipped
from shared.runtime.logs import LogEvent, log

LOG_EVENTS: tuple[tuple[str, LogEvent], ...] = (
    ("sent", "mail.sent"),
    ("deferred", "mail.deferred"),
    ("failed", "mail.failed"),
    ("skipped", "mail.deferred"),
)


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


def log_outcomes(labels: Iterable[str]) -> None:
    """Writes one log line for each kind of outcome, with its count."""
    counts = Counts(labels)
    for label, event in LOG_EVENTS:
        if counts[label]:
            log(event, count=counts[label])
