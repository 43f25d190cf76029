"""What a dashboard shows, as data: rows of charts, each with its PromQL queries."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

_NAMES: Final = frozenset({"all", "p50", "p99"})


@dataclass(frozen=True, slots=True)
class Query:
    """A query of Prometheus. `legend`: Grafana's format for the names of the curves."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of curves over time. `unit`: Grafana's, as `s`, `reqps`, `short`. `about`: what a reader does with it."""

    title: str
    unit: str
    about: str
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of charts."""

    title: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `name`: of its file, and its address in Grafana."""

    name: str
    title: str
    rows: tuple[Row, ...]

    def queries(self) -> Iterator[Query]:
        """Yields all queries."""
        for row in self.rows:
            for chart in row.charts:
                yield from chart.queries


def chart(title: str, unit: str, about: str, **queries: str) -> Chart:
    """Returns a chart; each keyword is the label that names the curves, or p50, p99, or `all` for a single curve."""
    return Chart(title, unit, about, tuple(_query(legend, expression) for legend, expression in queries.items()))


def rate(metric: str, by: Iterable[str], selector: str = "") -> str:
    """Returns a query of increases per second, summed by these labels."""
    return f"sum by ({', '.join(by)}) (rate({metric}{_braces(selector)}[$__rate_interval]))"


def quantile(q: float, histogram: str, by: Iterable[str], selector: str = "") -> str:
    """Returns a query of a quantile of a histogram, by these labels."""
    labels = ", ".join(["le", *by])
    rates = f"sum by ({labels}) (rate({histogram}_bucket{_braces(selector)}[$__rate_interval]))"
    return f"histogram_quantile({q}, {rates})"


def gauge(function: str, metric: str, by: Iterable[str], selector: str = "") -> str:
    """Returns a query of a gauge, with `sum`, `max` or `min` over the instances, by these labels."""
    return f"{function} by ({', '.join(by)}) ({metric}{_braces(selector)})"


def _braces(selector: str) -> str:
    return f"{{{selector}}}" if selector else ""


def _query(legend: str, expression: str) -> Query:
    return Query(expression, legend if legend in _NAMES else f"{{{{{legend}}}}}")
