"""What an operator does with the workers after a restore or on another Kafka cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from deploy.cli.client import Session, ask_each
from deploy.cli.errors import LocalError
from deploy.cli.operator_routes import LONGEST_ACT_S
from shared.contracts.topics import TOPICS

AT_ONCE: Final = 200
"""States that one request withholds, so that it stays below what the edge takes."""
_COUNTS: Final = {
    "lost": "lost from its database",
    "unread": "unread",
    "parked": "parked",
    "missing": "without an effect",
}


@dataclass(frozen=True)
class RecoveryReports:
    """What the workers say is missing: `reports` by service, and why others could not say it."""

    reports: Mapping[str, Mapping[str, Any]]
    failures: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether every service has said that nothing is missing."""
        return not self.failures and all(report["is_complete"] for report in self.reports.values())

    def as_json(self) -> dict[str, Any]:
        """Returns each report by its service; None where there is none."""
        return {**self.reports, **dict.fromkeys(self.failures)}


async def check(operator: Session, services: Sequence[str]) -> RecoveryReports:
    """Returns what these services still lack; nothing is changed. Raises LocalError if the operator gets no token."""
    return RecoveryReports(*await ask_each(operator, services, "/recovery", LONGEST_ACT_S))


async def announce(operator: Session, service: str) -> dict[str, Any]:
    """Announces all that a service knows onto another Kafka cluster, or goes on with it.

    Returns `states` and `facts`, the numbers of what was announced, and `erased_again`. Raises LocalError.
    """
    answer = await operator.call("POST", f"{service}-worker", "/recovery/announce", timeout=LONGEST_ACT_S)
    announced: dict[str, Any] = answer.json()
    return announced


async def withhold(operator: Session, service: str, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Withholds a service's states of which neighbours have newer copies, each part with an entry of its own.

    `states`: from `states_ahead`. Returns their keys by topic. Raises LocalError; withheld parts then stay withheld.
    """
    keys: dict[str, list[str]] = {}
    for start in range(0, len(states), AT_ONCE):
        report = {"ahead": states[start : start + AT_ONCE]}
        answer = await operator.call(
            "POST", f"{service}-worker", "/recovery/withhold", json=report, timeout=LONGEST_ACT_S
        )
        for topic, withheld in answer.json()["undecided"].items():
            keys.setdefault(topic, []).extend(withheld)
    return {"undecided": keys}


def states_ahead(file: Path, service: str) -> list[dict[str, Any]]:
    """Returns the service's states of which a report names newer copies, each once, with the newest version.

    `file`: what `recover --check` has printed, of one service or of several. Raises LocalError.
    """
    topics = {topic.name for topic in TOPICS if topic.owner == service and topic.kind == "state"}
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        for copy in _copies_ahead(orjson.loads(file.read_bytes())):
            state: dict[str, Any] = {name: str(copy[name]) for name in ("topic", "key")}
            state |= {name: int(copy[name]) for name in ("version", "on_topic")}
            place = (state["topic"], state["key"])
            if state["topic"] in topics and state["version"] > newest.get(place, {"version": 0})["version"]:
                newest[place] = state
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise LocalError(f"--above: {file} is not what `recover --check` prints") from None
    return list(newest.values())


def missing_rows(reports: RecoveryReports) -> list[tuple[str, str, object]]:
    """Returns, for a person, rows of service, what is missing, and how much or which ids."""
    rows: list[tuple[str, str, object]] = []
    for service, report in reports.reports.items():
        if report["cluster"] != "same":
            rows.append((service, f"Kafka cluster: {report['cluster']}", f"{report['to_announce']} facts to announce"))
        if report["refused"]:
            rows.append((service, "refused announcements", report["refused"]))
        rows += [(service, "offset lost", place) for place in report["offsets_lost"]]
        for kind, words in _COUNTS.items():
            rows += [(service, f"{words}: {name}", _amount(missing)) for name, missing in report[kind].items()]
        for copy in report["ahead"]:
            versions = f"{copy['key']}: {copy['version']}, on the topic {copy['on_topic']}"
            rows.append((service, f"newer copy: {copy['topic']}", versions))
    return rows + [(service, "unknown", reason) for service, reason in reports.failures.items()]


def _copies_ahead(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the copies of a report, or of all the reports that a document has by service."""
    reports = [document] if "ahead" in document else [report for report in document.values() if report is not None]
    return [copy for report in reports for copy in report["ahead"]]


def _amount(missing: Any) -> object:
    """Returns the number, with the first ids where the report has them."""
    return f"{missing['count']}: {', '.join(missing['ids'])}" if isinstance(missing, Mapping) else missing
