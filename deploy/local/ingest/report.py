"""The report of a run: a line of CSV for each item, and a summary by outcome and cause."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Outcome(StrEnum):
    """What became of an item."""

    ACCEPTED = "accepted"
    PUBLISHED = "published"
    ALREADY = "already accepted"
    REFUSED = "refused"
    UNUSABLE = "unusable"
    NOT_SENT = "not sent"


REFUSALS: Final = (Outcome.REFUSED, Outcome.UNUSABLE)


@dataclass(frozen=True, slots=True)
class Line:
    """One item: its file, its place in it, what it is, what became of it, why, and what to do."""

    file: str
    part: int
    kind: str
    sha256: str
    outcome: Outcome
    cause: str = ""
    what_to_do: str = ""
    deposit_id: str = ""


class Report:
    """Writes the lines as they come, and counts them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: dict[tuple[Outcome, str], int] = {}
        self._advice: dict[tuple[Outcome, str], str] = {}

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(field.name for field in fields(Line))
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def add(self, line: Line) -> None:
        """Writes and counts a line. A cell that a spreadsheet would take for a formula is quoted."""
        cells = (str(getattr(line, field.name)) for field in fields(Line))
        self._rows.writerow(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)
        key = (line.outcome, line.cause)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._advice.setdefault(key, line.what_to_do)

    def count(self, *outcomes: Outcome) -> int:
        """Returns the number of lines with one of the outcomes, or of all."""
        return sum(count for (outcome, _), count in self._counts.items() if not outcomes or outcome in outcomes)

    def summary(self) -> list[tuple[str, str, int, str]]:
        """Returns outcome, cause, number and what to do, in the order of the outcomes, the most frequent first."""
        order = list(Outcome)
        keys: Iterable[tuple[Outcome, str]] = sorted(
            self._counts, key=lambda key: (order.index(key[0]), -self._counts[key])
        )
        return [(str(key[0]), key[1], self._counts[key], self._advice[key]) for key in keys]
