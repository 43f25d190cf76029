"""A consumer stops when too much of what it reads fails, instead of emptying its topic into the dead letters."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

WINDOW = 100
FAILURES = 10
RATIO = 0.2
SHORTEST_STOP_S = 5.0
LONGEST_STOP_S = 60.0


@dataclass
class CircuitBreaker:
    """Counts failures among the last outcomes. It opens at 10 failures that are over a fifth of the last 100.

    While it is open one record at a time is admitted as a trial, after 5 s and then ever more rarely; a trial that
    succeeds closes it.
    """

    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _next_trial: float = 0.0
    _stop_s: float = SHORTEST_STOP_S

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: going on would do harm."""
        return _is_open(self.outcomes)

    def admits(self, foreseen: Sequence[bool | None], now: float) -> int:
        """How many of the next records may be attempted. `foreseen`: whether each will fail; None tells nothing.

        None while the breaker is open; where a trial is due, all up to the first that has an outcome; else all up to
        the one that would open it.
        """
        if self.is_open:
            trial = next((index for index, outcome in enumerate(foreseen) if outcome is not None), len(foreseen) - 1)
            return trial + 1 if now >= self._next_trial else 0
        opening = self._opens_at(foreseen)
        return len(foreseen) if opening is None else opening + 1

    def would_open(self) -> bool:
        """Whether one more failure opens the breaker."""
        return not self.is_open and self._opens_at([True]) is not None

    def note_all(self, failures: Sequence[bool], now: float) -> Literal["opened", "closed"] | None:
        """Notes outcomes of attempted records. Returns what that does to the breaker; None where it stays as it was."""
        was_open = self.is_open
        if was_open and failures and not any(failures):
            self.outcomes.clear()
            self._stop_s = SHORTEST_STOP_S
            return "closed"
        self.outcomes.extend(failures)
        if not self.is_open or not failures:
            return None
        self._stop_s = min(self._stop_s * 2, LONGEST_STOP_S) if was_open else SHORTEST_STOP_S
        self._next_trial = now + self._stop_s
        return None if was_open else "opened"

    def _opens_at(self, foreseen: Iterable[bool | None]) -> int | None:
        ahead = self.outcomes.copy()
        for index, failed in enumerate(foreseen):
            if failed is None:
                continue
            ahead.append(failed)
            if failed and _is_open(ahead):
                return index
        return None


def _is_open(outcomes: deque[bool]) -> bool:
    failures = sum(outcomes)
    return failures >= FAILURES and failures / len(outcomes) > RATIO
