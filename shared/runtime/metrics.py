"""Prometheus metrics of the shared code. Labels are groups, topics and codes, never an id.

A counter whose labels are known stands at zero from the start: a rule notices its first increase.
"""

import platform
from collections.abc import Iterable, Mapping
from itertools import product

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from shared.runtime.version import software_version

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library types it not
BUILD = Gauge("dmp_build_info", "1, with the versions of this process.", ["version", "python"])
CONSUMED = Counter("consumed_messages_total", "Records dealt with.", ["group"])
RETRIED = Counter("retried_batches_total", "Batches that came again.", ["group", "code"])
DEAD_LETTERED = Counter("dead_letters_total", "Messages that can never be used.", ["group", "code"])
PARKED = Counter("messages_parked_total", "Messages put aside behind a dead letter or a late copy.", ["group"])
DROPPED = Counter("dropped_messages_total", "Messages about erased records, passed over.", ["group"])
SKIPPED = Counter("skipped_messages_total", "Records that a group passes over, by reason.", ["group", "code"])
STOPPED = Gauge("consumer_stopped", "1 while the circuit breaker of this consumer is open.", ["group"])
OFFSETS_LOST = Gauge(
    "consumer_offsets_lost",
    "1 while a stored offset is not in its partition, which is not consumed.",
    ["group", "topic"],
)
PARKED_MESSAGES = Gauge("parked_messages", "Messages put aside now, by reason.", ["group", "reason"])
LAG_RECORDS = Gauge("consumer_lag_records", "Records not yet dealt with.", ["group", "topic"])
LAG_SECONDS = Gauge("consumer_lag_seconds", "Age of the oldest record not yet dealt with.", ["group", "topic"])
OUTBOX_ROWS = Gauge("outbox_rows", "Rows not yet sent.")
OUTBOX_LAG = Gauge("outbox_lag_seconds", "Age of the oldest row not yet sent.")
OUTBOX_HELD = Gauge("outbox_held_partitions", "Partitions that the relay cannot write now.", ["topic"])
OUTBOX_REFUSED = Counter("outbox_refused_total", "Announcements that the broker refuses for ever.", ["topic", "code"])
TOPIC_DIFFERENCES = Gauge(
    "topic_differences",
    "Settings of a topic that differ from its declaration: it is neither read nor written.",
    ["topic"],
)
OUTBOX_RECOVERY = Gauge(
    "outbox_recovery_needed", "1 while the topics hold what this database lost, or lack what it sent."
)
COPY_AGE = Gauge(
    "copy_age_seconds",
    "Age of the oldest partition of a copied topic; below zero: a watermark lies in the future.",
    ["topic"],
)
REQUESTS = Histogram(
    "http_request_seconds",
    "Time to answer.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SPANS_SENT = Counter("spans_sent_total", "Spans that the collector of traces took.")
SPANS_DROPPED = Counter("spans_dropped_total", "Spans lost before the collector, by reason.", ["reason"])
REQUESTS_AT_WORK = Gauge("requests_at_work", "Requests worked on now, by lane: live or bulk.", ["lane"])
REQUESTS_WAITING = Gauge("bulk_requests_waiting", "Requests in the queue of the lane of bulk work.")
NOT_ADMITTED = Counter("requests_not_admitted_total", "Requests refused for the load, by urgency.", ["urgency"])
REIMBURSEMENT_LINES = Counter("reimbursement_lines_total", "Lines of the continuous feed by effect.", ["effect"])
LOST_DOCUMENTS = Counter("lost_documents_total", "Accepted documents that went with lost commits of the database.")
REFUSED = Counter("refusals_total", "Refusals by reason.", ["action", "reason"])
STEP_SECONDS = Histogram(
    "deposit_step_seconds",
    "Time from the cause's own time to the effect's commit, per step of the flow; alerted: without a planned wait.",
    ["step"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
IN_FORCE_SECONDS = Histogram(
    "change_in_force_seconds",
    "Time from a change of rights to the word that no read is decided under the older version any more.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60),
)
RECORDS_HELD = Counter("held_records_total", "Attempts of requests that found a record's row taken.")


def start_build_info() -> None:
    """Shows the versions of this release and of Python; a release that is not installed is `unknown`."""
    BUILD.labels(software_version(), platform.python_version()).set(1)


def start_at_zero(metric: Counter | Histogram, *values: Iterable[str]) -> None:
    """Shows a metric for each combination of these values of its labels, in order."""
    for labels in product(*values):
        metric.labels(*labels)


def start_refusals(reasons_by_action: Mapping[str, Iterable[str]]) -> None:
    """Shows the refusals of these actions, for these reasons, at zero."""
    for action, reasons in reasons_by_action.items():
        start_at_zero(REFUSED, [action], reasons)
