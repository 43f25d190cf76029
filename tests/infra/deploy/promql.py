"""The metrics that the code has, and those that an expression of PromQL names."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

import services
import shared

OF_PROMETHEUS: Final = {"job", "instance", "le"}
"""Labels that Prometheus itself adds; `le` is a histogram's."""
FUNCTIONS: Final = {
    *(
        "absent",
        "and",
        "avg_over_time",
        "bool",
        "by",
        "changes",
        "count",
        "group_left",
        "histogram_quantile",
        "max",
        "min",
        "min_over_time",
        "offset",
        "on",
        "or",
        "rate",
        "sum",
        "time",
        "topk",
        "unless",
        "vector",
    ),
}
SUFFIXES: Final[dict[type[MetricWrapperBase], tuple[str, ...]]] = {
    Counter: ("_total",),
    Gauge: ("",),
    Histogram: ("_bucket", "_count", "_sum"),
}


def metrics() -> dict[str, set[str]]:
    """The names of all samples, with their labels."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                importlib.import_module(module.name)
    names: dict[str, set[str]] = {"up": set(), "process_start_time_seconds": set()}
    for collector in {*REGISTRY._names_to_collectors.values()}:
        for kind, suffixes in SUFFIXES.items():
            if isinstance(collector, kind):
                labels = set(collector._labelnames)
                names |= {collector._name + suffix: labels for suffix in suffixes}
    return names


METRICS = metrics()


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Yields each metric that an expression names, with the labels by which it is selected."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(by|on|group_left) \([^)]*\)", "", bare)
    for name, labels in re.findall(
        r"(?<![\w:])([a-z][a-z0-9_:]+)\b(?:\s*\{([^}]*)\})?", re.sub(r"\[\w+\]|\boffset \w+", "", bare)
    ):
        if name not in FUNCTIONS and not re.search(rf"[{{,]\s*{name}\s*(=|!)", bare):
            yield name, set(re.findall(r"(\w+)\s*[=!]", labels))
