"""How an import yields to those who wait at a screen: when its batches become slow, others need the machine."""

from dataclasses import dataclass
from typing import Final

TOLERATED: Final = 1.5
"""A batch may take this many times as long as the fastest one."""
LONGEST_PAUSE_S: Final = 2.0
_FORGOTTEN: Final = 1.01
"""After each batch the fastest one counts as that much slower, so that one lucky batch does not hold for ever."""


@dataclass(slots=True)
class Pace:
    """The fastest time per line so far, in seconds."""

    fastest: float | None = None

    def pause_after(self, seconds: float, lines: int) -> float:
        """Returns how long to wait after a batch: as long as it took too long, at most two seconds."""
        per_line = seconds / max(lines, 1)
        self.fastest = per_line if self.fastest is None else min(per_line, self.fastest * _FORGOTTEN)
        return min(max(0.0, (per_line - TOLERATED * self.fastest) * lines), LONGEST_PAUSE_S)
