"""Shows that every rule is needed: each requirement of the access rules is removed in turn, and a test must fail.

.venv/bin/python tests/chaos/mutation.py

Runs in one process, without changing a file: the requirement is removed from every list, then the unit tests of the
rules are run. A table shows the tests that detected it. Exit code 1 when a removal goes unnoticed.
"""

import contextlib
import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pytest
from rich.console import Console
from rich.progress import track
from rich.table import Table

from shared.access.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
rules = importlib.import_module("shared.access.decide")
"""The module; the package exports the function of the same name."""
TESTS = ("tests/shared/access/test_table.py", "tests/shared/access/test_rows.py")


class _Failures:
    """Collects the tests that failed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hook of pytest."""
        if report.failed:
            self.names.append(report.nodeid.rpartition("::")[2])


def places() -> dict[Requirement, list[tuple[str, str]]]:
    """Returns each requirement with the lists that contain it: (action, kind of actor)."""
    places_by_requirement: dict[Requirement, list[tuple[str, str]]] = {}
    for action, (lists, _) in rules.ACTIONS.items():
        for kind, requirements in lists.items():
            for requirement in requirements:
                places_by_requirement.setdefault(requirement, []).append((action, kind))
    return places_by_requirement


@contextlib.contextmanager
def without(gone: Requirement) -> Iterator[None]:
    """Removes one requirement from all rules for the duration of the block."""
    whole = rules.ACTIONS
    less = {
        action: (
            {
                kind: tuple(requirement for requirement in required if requirement is not gone)
                for kind, required in lists.items()
            },
            rule_of,
        )
        for action, (lists, rule_of) in whole.items()
    }
    with mock.patch.object(rules, "ACTIONS", less):
        yield


def failures() -> list[str]:
    """Returns the tests of the rules that fail; stops at the first."""
    recorder = _Failures()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["-q", "-x", "-p", "no:cacheprovider", *(str(ROOT / test) for test in TESTS)], plugins=[recorder])
    return recorder.names


def main() -> int:
    """Removes each requirement in turn. Returns the exit code."""
    console = Console(width=120)
    if names := failures():
        console.print(f"[red]the tests fail as it is: {names[0]}[/red]")
        return 1
    table = Table("requirement", "asked for", "told by")
    unnoticed = 0
    for requirement, where in track(places().items(), "taking out", console=console):
        with without(requirement):
            names = failures()
        unnoticed += not names
        where_required = f"{len(where)} lists, such as {where[0][0]} by {where[0][1]}"
        table.add_row(requirement.reason, where_required, names[0] if names else "[red]nobody[/red]")
    console.print(table)
    console.print(f"{len(places())} requirements, {unnoticed} unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    raise SystemExit(main())
