"""Prometheus metrics of identity. Label values are codes, never ids."""

from prometheus_client import Counter

EMERGENCIES_OVER_LIMIT = Counter(
    "emergencies_over_limit_total",
    "Emergency sign-ins of professionals beyond the limit per hour.",
    ["mode", "outcome"],
)
