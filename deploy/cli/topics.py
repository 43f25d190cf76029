"""What the workers of an installation say of its topics: how much each holds, and how far each group lags on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.cli.client import Session, ask_each
from shared.contracts.declarations import SERVICES

LONGEST_ANSWER_S: Final = 120
"""A worker looks for the oldest unread records of one group after the other."""


@dataclass(frozen=True)
class InstallationTopics:
    """What the workers said. `failures`: why others said nothing, by service."""

    topics: Sequence[Mapping[str, Any]]
    lags: Sequence[Mapping[str, Any]]
    failures: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Returns all for a program."""
        return {"topics": self.topics, "lags": self.lags, "unknown": list(self.failures)}

    def lines(self) -> list[str]:
        """Returns two tables for a person, and the services whose workers said nothing."""
        sizes = [(size["topic"], size["partitions"], size["records"]) for size in self.topics]
        lags = [(lag["group"], lag["topic"], lag["lag"], _seconds(lag["seconds_behind"])) for lag in self.lags]
        return [
            *_table(("topic", "partitions", "records"), sizes),
            "",
            *_table(("group", "topic", "lag", "seconds behind"), lags),
            *(f"unknown for {service}: {reason}" for service, reason in self.failures.items()),
        ]


async def list_topics(operator: Session) -> InstallationTopics:
    """Returns what the workers say. Raises LocalError if the operator gets no token."""
    answers, failures = await ask_each(operator, SERVICES, "/topics", LONGEST_ANSWER_S)
    topics: list[Mapping[str, Any]] = [size for answer in answers.values() for size in answer["topics"]]
    lags: list[Mapping[str, Any]] = [lag for answer in answers.values() for lag in answer["lags"]]
    return InstallationTopics(topics, lags, failures)


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f} s"
