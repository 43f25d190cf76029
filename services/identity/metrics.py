"""Prometheus metrics of identity's own. Labels are codes: never an id."""

from prometheus_client import Counter

EMERGENCIES_OVER_LIMIT = Counter(
    "emergencies_over_limit_total",
    "Emergency sign-ins of professionals who had opened as many in the hour as is usual.",
    ["mode", "outcome"],
)
