"""How long changes of rights took until they were in force, as the metrics of consent's worker tell it."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.errors import LocalError

METRIC = "change_in_force_seconds"


@dataclass(frozen=True)
class Spread:
    """So many times; half of them and 99 of 100 were no longer than this (seconds; None where there were none)."""

    count: int
    p50: float | None
    p99: float | None

    def __str__(self) -> str:
        if self.p50 is None or self.p99 is None:
            return "no change of rights came into force since consent-worker began"
        times = f"{self.p50 * 1000:.0f} ms (p50), {self.p99 * 1000:.0f} ms (p99)"
        return f"changes of rights in force after {times}: {self.count} since consent-worker began"


async def in_force(found: Mapping[str, Any]) -> Spread | None:
    """Of the installation in `endpoints.json`, since the worker began; None where it does not answer."""
    from deploy.local.client import connect, send

    if "services" not in found:
        return None
    async with connect(found) as dmp:
        try:
            page = await send(dmp.http, dmp.urls, "GET", "consent-worker", "/metrics")
        except LocalError:
            return None
    return spread_in(page.text)


def spread_in(page: str) -> Spread:
    """What the histogram on a metrics page says."""
    from prometheus_client.parser import text_string_to_metric_families

    buckets: dict[float, float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        if family.name == METRIC:
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    buckets[float(sample.labels["le"])] += sample.value
    count = int(buckets[math.inf])
    return Spread(count, _quantile(buckets, 0.5), _quantile(buckets, 0.99)) if count else Spread(0, None, None)


def _quantile(buckets: Mapping[float, float], share: float) -> float:
    """As Prometheus's histogram_quantile: straight within a bucket; beyond the last limit that limit."""
    rank, below, before = share * buckets[math.inf], 0.0, 0.0
    for limit, until in sorted(buckets.items()):
        if until >= rank:
            return below if limit == math.inf else below + (limit - below) * (rank - before) / (until - before)
        below, before = limit, until
    raise AssertionError("the last bucket holds everything")
