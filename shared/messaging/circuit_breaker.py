"""Stops a consumer when too many records fail, so that it does not turn its whole topic into dead letters."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

WINDOW = 100
FAILURE_THRESHOLD = 10
FAILURE_RATIO = 0.2
SHORTEST_STOP_S = 5.0
LONGEST_STOP_S = 60.0


@dataclass
class CircuitBreaker:
    """Opens when at least 10 of the last 100 outcomes, and more than a fifth of them, are failures.

    While it is open, it admits one record at a time as a trial: after 5 s, then after twice the previous time, at most
    60 s. A successful trial closes it.
    """

    outcomes: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _next_trial: float = 0.0
    _stop_s: float = SHORTEST_STOP_S

    @property
    def is_open(self) -> bool:
        """Whether the consumer is stopped except for trials."""
        return _is_open(self.outcomes)

    def admitted_count(self, predictions: Sequence[bool | None], now: float) -> int:
        """Returns how many of the next records may be attempted.

        `predictions`: whether each will fail; None when its outcome does not count. `now`: event loop seconds. While
        the breaker is open: none or, when a trial is due, all up to the first whose outcome counts. While it is closed:
        all up to the one that would open it.
        """
        if self.is_open:
            trial = next(
                (index for index, outcome in enumerate(predictions) if outcome is not None), len(predictions) - 1
            )
            return trial + 1 if now >= self._next_trial else 0
        opening = self._opens_at(predictions)
        return len(predictions) if opening is None else opening + 1

    def opens_at_next_failure(self) -> bool:
        """Whether the next failure opens the breaker."""
        return not self.is_open and self._opens_at([True]) is not None

    def record_outcomes(self, failures: Sequence[bool], now: float) -> Literal["opened", "closed"] | None:
        """Records for each attempt whether it failed. Returns how the state changed, None if it did not."""
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

    def _opens_at(self, predictions: Iterable[bool | None]) -> int | None:
        outcomes = self.outcomes.copy()
        for index, failed in enumerate(predictions):
            if failed is None:
                continue
            outcomes.append(failed)
            if failed and _is_open(outcomes):
                return index
        return None


def _is_open(outcomes: deque[bool]) -> bool:
    failures = sum(outcomes)
    return failures >= FAILURE_THRESHOLD and failures / len(outcomes) > FAILURE_RATIO
