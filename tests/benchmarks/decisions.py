"""Measures the time of a decision on ready facts.

.venv/bin/python tests/benchmarks/decisions.py [--json FILE]

Each typical caller is decided 20,000 times; the median of a hundred rounds counts, in microseconds. The goal is 15.
"""

import statistics
import sys
import timeit
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console
from rich.table import Table

from shared.access import Facts, Permit, decide
from tests.infra.access.table import MASKED, asking

GOAL_US = 15.0
ROUNDS, EACH = 100, 200
URGENT: dict[str, Any] = {
    "authorisation": "none",
    "mode": "bris_de_glace",
    "motive": True,
    "record_named": True,
    "break_glass": True,
}
ASKERS: dict[str, Facts] = {
    "holder": asking("patient"),
    "representative": asking("representative"),
    "doctor, authorised": asking("professional"),
    "doctor, not authorised": asking("professional", authorisation="none"),
    "doctor, blocked": asking("professional", blocked="professional"),
    "doctor, masked document": asking("professional", labels=MASKED),
    "author": asking("professional", authorisation="none", author=True, labels=MASKED),
    "doctor of a care team": asking("professional", authorisation="none", care_team="valid"),
    "break-glass": asking("professional", **URGENT),
    "software, own deposit": asking("software"),
    "deposit": asking("software", "deposit", labels_asked=frozenset({"N"})),
    "insurer": asking("professional", never="insurer"),
}


def median_us(facts: Facts) -> float:
    """Returns the microseconds of one decision."""
    return statistics.median(timeit.repeat(lambda: decide(facts), number=EACH, repeat=ROUNDS)) / EACH * 1e6


def main(json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None) -> None:
    """Measure the time of a decision."""
    figures = {name: round(median_us(facts), 2) for name, facts in ASKERS.items()}
    table = Table("asker", "answer", "median, µs")
    for name, facts in ASKERS.items():
        answer = decide(facts)
        table.add_row(name, answer.rule if isinstance(answer, Permit) else answer.reason, f"{figures[name]:.2f}")
    console = Console(width=90)
    console.print(table)
    slowest = max(figures.values())
    console.print(f"goal {GOAL_US:.0f} µs: {'reached' if slowest <= GOAL_US else 'not reached'}, the slowest {slowest}")
    if json is not None:
        json.write_bytes(orjson.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
