"""The dashboards: the operators' one, and one for each service."""

from typing import Final

from deploy.dashboards.charts import Board, Chart, Row, chart, gauge, quantile, rate
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS

_COPYING: Final = {group.name.split(".")[0] for group in GROUPS if any(topic.kind == "state" for topic in group.topics)}
"""The services that keep copies of neighbours' states."""
LATENCY: Final = "http_request_seconds"


def operators_board() -> Board:
    """Returns the dashboard on which operators see whether everything flows."""
    return Board("operations", "DMP: operations", (_processes(), _flow(), _topics("", has_copies=True), _apis("")))


def service_board(service: str) -> Board:
    """Returns the dashboard of one service."""
    own = f'job=~"dmp-{service}-.+"'
    rows = (_apis(own), _topics(own, has_copies=service in _COPYING), *_OWN.get(service, ()))
    return Board(service, f"DMP: {service}", rows)


def boards() -> tuple[Board, ...]:
    """Returns all dashboards."""
    return (operators_board(), *(service_board(service) for service in sorted(SERVICES)))


def _processes() -> Row:
    return Row(
        "Processes",
        (
            chart("Instances that answer", "short", "Below the number that you run: look at the pod.",
                  job=gauge("sum", "up", ["job"])),
            chart("Versions", "short", "More than one for long after a release: it hangs.",
                  version="count by (version) (dmp_build_info)"),
            chart("Processor", "percentunit", "One process uses one core at most.",
                  job=rate("process_cpu_seconds_total", ["job"])),
            chart("Memory", "bytes", "Grows without end: a leak.",
                  job=gauge("max", "process_resident_memory_bytes", ["job"])),
        ),
    )  # fmt: skip


def _flow() -> Row:
    return Row(
        "From deposit to alert, from change to force",
        (
            chart("Deposits by step, p99", "s", "The step that grows names the service that is slow.",
                  step=quantile(0.99, "deposit_step_seconds", ["step"])),
            chart("Documents by step", "reqps", "The curves lie on one another while everything flows.",
                  step=rate("deposit_step_seconds_count", ["step"])),
            chart("Changes of rights until in force", "s", "The objective is 5 s: see its error budget.",
                  p50=quantile(0.5, "change_in_force_seconds", []),
                  p99=quantile(0.99, "change_in_force_seconds", [])),
            chart("Refusals", "reqps", "A sudden rise: an attack, or a release that refuses too much.",
                  action=rate("refusals_total", ["action"])),
        ),
    )  # fmt: skip


def _topics(own: str, *, has_copies: bool) -> Row:
    copies = (
        chart("Age of the copies", "s", "Beyond 120 s reads by others are refused.",
              topic=gauge("max", "copy_age_seconds", ["topic"], own)),
    )  # fmt: skip
    return Row(
        "Topics",
        (
            chart("Consumer lag in seconds", "s", "Age of the oldest record that waits.",
                  group=gauge("max", "consumer_lag_seconds", ["group"], own)),
            chart("Consumer lag in records", "short", "Grows steadily: add workers, up to the number of partitions.",
                  group=gauge("sum", "consumer_lag_records", ["group"], own)),
            chart("Dead letters and parked messages", "short", "Not zero: `dmp dlt list`.",
                  group=gauge("sum", "parked_messages", ["group"], own)),
            chart("Outbox, age of the oldest row", "s", "Grows: the relay or the broker stands still.",
                  job=gauge("max", "outbox_lag_seconds", ["job"], own)),
            *(copies if has_copies else ()),
        ),
    )  # fmt: skip


def _apis(own: str) -> Row:
    return Row(
        "APIs",
        (
            chart("Requests", "reqps", "By process.", job=rate(f"{LATENCY}_count", ["job"], own)),
            chart("Time to answer, p99", "s", "By process.", job=quantile(0.99, LATENCY, ["job"], own)),
            chart("Answers by status", "reqps", "5xx: see `request.failed` in the log.",
                  status=rate(f"{LATENCY}_count", ["status"], own)),
            chart("Requests at work", "short", "By lane, live or bulk.",
                  lane=gauge("sum", "requests_at_work", ["lane"], own)),
            chart("Requests refused for the load", "reqps", "Deposits and reads refused: add instances.",
                  urgency=rate("requests_not_admitted_total", ["urgency"], own)),
        ),
    )  # fmt: skip


def _chart_by(title: str, metric: str, label: str, about: str) -> Chart:
    return chart(title, "reqps", about, **{label: rate(metric, [label])})


_OWN: Final = {
    "records": (
        Row(
            "HL7 v2, quarantine, reimbursements",
            (
                _chart_by("HL7 v2 messages", "records_hl7v2_messages_total", "outcome", "AE and AR: see quarantine."),
                chart("MLLP connections", "short", "Beside the limit of the listener.",
                      all=gauge("sum", "records_mllp_connections", ["instance"])),
                _chart_by("Refused submissions kept", "records_quarantined_total", "kept", "nothing: overfull."),
                chart("Business acknowledgements in the queue", "short", "failed: hospitals' listeners are away.",
                      state=gauge("max", "records_queued_business_acknowledgements", ["state"])),
                _chart_by("Lines of the continuous feed", "reimbursement_lines_total", "effect", "By effect."),
            ),
        ),
    ),
    "notify": (
        Row(
            "Mails, SMS, letters",
            (
                _chart_by("Attempts to send", "notify_deliveries_total", "outcome", "failed: the gateway is away."),
                chart("Queued alerts", "short", "Grows: sending stands still.",
                      all=gauge("max", "notify_queued_alerts", ["job"])),
                chart("Queued messages", "short", "Codes wait for seconds at most.",
                      channel=gauge("max", "notify_queued_messages", ["channel"])),
            ),
        ),
    ),
    "identity": (
        Row(
            "Erasures and emergencies",
            (
                chart("Overdue erasures", "short", "A service has not acknowledged in time.",
                      all=gauge("max", "identity_erasures_overdue", ["job"])),
                _chart_by("Emergencies over the limit", "emergencies_over_limit_total", "mode", "See the ledger."),
            ),
        ),
    ),
}  # fmt: skip
"""What only one service has."""
