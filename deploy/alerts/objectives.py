"""The service level objectives, and the rules that watch how fast each spends its error budget.

Every objective becomes recording rules: its target, and the share of bad events (or of bad time) over each window. Two
alerts compare that share with the error budget over a long and a short window (Google, The Site Reliability Workbook,
chapter 5, table 5-8): the long one says that it matters, the short one that it still goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

RULES: Final = Path(__file__).with_name("objectives.yaml")
PAGE: Final = Path(__file__).parents[2] / "docs" / "runbooks" / "error-budget.md"
BEGIN, END = "<!-- objectives: generated -->", "<!-- end of objectives -->"
PERIOD_DAYS: Final = 30
"""The days over which an error budget is counted."""
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
HEADER: Final = "# Generated from deploy/alerts/objectives.py by `python -m deploy.generate`.\n"
_OF_CALLERS: Final = 'job=~"dmp-.+-api",route!~"/livez|/readyz"'
TARGET, BAD_SHARE = "slo:objective:ratio", "slo:bad:ratio_"


@dataclass(frozen=True)
class Objective:
    """A service level objective. `target`: the share of events (or of time) that is good, between 0 and 1.

    `bad`: PromQL of the share that is bad over `WINDOW`. `state`: PromQL of a rule that is recorded before it, 1 while
    the state is bad.
    """

    name: str
    target: float
    good: str
    bad: str
    state: str | None = None

    @property
    def state_name(self) -> str:
        """The name under which the state is recorded."""
        return f"slo:{self.name}:is_bad"


@dataclass(frozen=True)
class BurnRate:
    """How many times faster than evenly the budget is spent, over a long and a short window."""

    factor: float
    long: str
    short: str


def _slow_share(histogram: str, limit_s: int, by: str = "") -> str:
    """Returns the share of observations over `limit_s`, which is a bound of the histogram's buckets, in seconds."""
    grouping = f"sum by ({by}) " if by else "sum"
    within = f'{histogram}_bucket{{le=~"{limit_s}|{limit_s}.0"}}'
    return f"1 - {grouping}(rate({within}[WINDOW])) / {grouping}(rate({histogram}_count[WINDOW]))"


OBJECTIVES: Final = (
    Objective(
        "answers",
        0.999,
        "answers of an API that are not 5xx",
        f'sum by (job) (rate(http_request_seconds_count{{{_OF_CALLERS},status=~"5.."}}[WINDOW]))'
        f" / sum by (job) (rate(http_request_seconds_count{{{_OF_CALLERS}}}[WINDOW]))",
    ),
    Objective(
        "deposits",
        0.99,
        "steps from deposit to alert (decided, published, audited, alerted) within 10 s of the one before",
        _slow_share("deposit_step_seconds", 10, "step"),
    ),
    Objective(
        "revocations",
        0.99,
        "changes of rights in force within 5 s",
        _slow_share("change_in_force_seconds", 5),
    ),
    Objective(
        "copies",
        0.999,
        "time in which a copy of a neighbour's state is younger than 60 s",
        "avg_over_time(slo:copies:is_bad[WINDOW])",
        "max by (job, topic) (copy_age_seconds) >= bool 60",
    ),
    Objective(
        "announcements",
        0.999,
        "time in which no announcement has waited for 30 s",
        "avg_over_time(slo:announcements:is_bad[WINDOW])",
        "max by (job) (outbox_lag_seconds) >= bool 30",
    ),
    Objective(
        "messages",
        0.9999,
        "messages that do not become dead letters",
        "sum by (job, group) (rate(dead_letters_total[WINDOW]))"
        " / sum by (job, group) (rate(consumed_messages_total[WINDOW]))",
    ),
)
PAGES: Final = (BurnRate(14.4, "1h", "5m"), BurnRate(6, "6h", "30m"))
TICKETS: Final = (BurnRate(3, "1d", "2h"), BurnRate(1, "3d", "6h"))


def rule_groups() -> list[dict[str, Any]]:
    """Returns the groups of rules, as in a file of Prometheus."""
    alerts = [
        _alert("DmpErrorBudgetBurnsFast", "critical", PAGES, "will be spent within days"),
        _alert("DmpErrorBudgetBurnsSlowly", "warning", TICKETS, f"does not last for {PERIOD_DAYS} days"),
    ]
    return [{"name": "dmp-objectives", "rules": [*_recordings(), *alerts]}]


def files() -> Iterator[tuple[Path, str]]:
    """Yields the path and the text of the rules, and of the page with the table of objectives."""
    yield RULES, HEADER + yaml.safe_dump({"groups": rule_groups()}, sort_keys=False, width=120)
    page = PAGE.read_text("utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    yield PAGE, f"{before}{BEGIN}\n{_table()}{END}{after}"


def _recordings() -> Iterator[dict[str, Any]]:
    for objective in OBJECTIVES:
        yield {"record": TARGET, "expr": f"vector({objective.target})", "labels": {"slo": objective.name}}
        if objective.state is not None:
            yield {"record": objective.state_name, "expr": objective.state}
        for window in WINDOWS:
            expression = objective.bad.replace("WINDOW", window)
            yield {"record": BAD_SHARE + window, "expr": expression, "labels": {"slo": objective.name}}


def _alert(name: str, severity: str, rates: tuple[BurnRate, ...], outlook: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": " or ".join(f"({_burns(rate)})" for rate in rates),
        "labels": {"severity": severity},
        "annotations": {
            "summary": "The error budget of {{ $labels.slo }} " + outlook,
            "description": "{{ $value | humanizePercentage }} of the long window is bad; the labels say where.",
            "runbook_url": "docs/runbooks/error-budget.md",
        },
    }


def _burns(rate: BurnRate) -> str:
    budget = f"on (slo) group_left () {rate.factor} * (1 - {TARGET})"
    return f"{BAD_SHARE}{rate.long} > {budget} and {BAD_SHARE}{rate.short} > {budget}"


def _table() -> str:
    lines = [f"| objective | of {PERIOD_DAYS} days | what is good |", "|---|---|---|"]
    lines += [f"| `{each.name}` | {each.target * 100:g}% | {each.good} |" for each in OBJECTIVES]
    return "\n".join(lines) + "\n"
