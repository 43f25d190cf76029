"""Measures how long changes of rights took to come into force, from the metrics of consent's worker."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

METRIC = "change_in_force_seconds"


@dataclass(frozen=True)
class LatencySummary:
    """The number of measured times, their median and 99th percentile in seconds (None if there were none)."""

    count: int
    p50: float | None
    p99: float | None

    def __str__(self) -> str:
        if self.p50 is None or self.p99 is None:
            return "no change of rights came into force since consent-worker started"
        times = f"{self.p50 * 1000:.0f} ms (p50), {self.p99 * 1000:.0f} ms (p99)"
        return f"changes of rights in force after {times}: {self.count} since consent-worker started"


def latency_in(page: str) -> LatencySummary:
    """Returns the summary of the histogram on a metrics page."""
    from prometheus_client.parser import text_string_to_metric_families

    buckets: dict[float, float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        if family.name == METRIC:
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    buckets[float(sample.labels["le"])] += sample.value
    count = int(buckets[math.inf])
    return (
        LatencySummary(count, _quantile(buckets, 0.5), _quantile(buckets, 0.99))
        if count
        else LatencySummary(0, None, None)
    )


def _quantile(buckets: Mapping[float, float], share: float) -> float:
    """Returns a quantile as Prometheus's histogram_quantile: interpolated within a bucket, at most the last limit."""
    rank, below, before = share * buckets[math.inf], 0.0, 0.0
    for limit, until in sorted(buckets.items()):
        if until >= rank:
            return below if limit == math.inf else below + (limit - below) * (rank - before) / (until - before)
        below, before = limit, until
    raise AssertionError("the last bucket holds everything")
