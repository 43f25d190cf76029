"""The results of an overload: refused and accepted requests by kind; recovery; memory."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from tests.infra.load.mixed_load import Sample

KINDS: Final = ("emergency", "change", "read", "deposit", "bulk")
LIVE: Final = KINDS[:-1]
GOAL_RATIO, GOAL_RECOVERY_S, GOAL_MEMORY = 2.0, 30.0, 1.5
WINDOW_S: Final = 3.0
ONSET_S: Final = 2.0
POLL_INTERVAL_S: Final = 0.5
REFUSED: Final = frozenset({429, 503})


@dataclass
class Memory:
    """The resident bytes of a process."""

    pid: int
    before: int = 0
    peak: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        self.before = self.peak = self.after = psutil.Process(self.pid).memory_info().rss

    def look(self) -> None:
        """Reads them once."""
        self.after = psutil.Process(self.pid).memory_info().rss
        self.peak = max(self.peak, self.after)

    async def watch(self) -> None:
        """Reads them repeatedly, for ever."""
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            self.look()


@dataclass(frozen=True)
class Times:
    """Percentiles in milliseconds."""

    count: int
    p50: float
    p99: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Times":
        """Returns the times from the moment at which each request was due."""
        ordered = sorted(1000 * (sample.answered - sample.due) for sample in samples)
        if not ordered:
            return cls(0, float("nan"), float("nan"))
        p50, p99 = (ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] for percent in (50, 99))
        return cls(len(ordered), round(p50, 1), round(p99, 1))


@dataclass
class Overload:
    """The samples of the unloaded phase, and of the overload with the recovery after it."""

    capacity: float
    times: float
    start: float
    seconds: float
    unloaded: list[Sample]
    samples: list[Sample]
    memory: Memory
    cpu: dict[str, float]
    pace: float
    load_average: tuple[float, float, float]
    during: list[Sample] = field(init=False)

    def __post_init__(self) -> None:
        self.during = [sample for sample in self.samples if sample.due < self.start + self.seconds]

    def ratio(self, kinds: Sequence[str], onset_s: float = 0.0) -> float:
        """Returns p99 of accepted requests, from `onset_s` on, over p99 unloaded."""
        later = [sample for sample in self.during if sample.due >= self.start + onset_s]
        now, then = (Times.of(_accepted(samples, kinds)).p99 for samples in (later, self.unloaded))
        return round(now / then, 2)

    def recovered_after(self) -> float | None:
        """Returns the seconds after the end of the overload from which on, for `WINDOW_S`, nothing is refused and
        the p99 of live requests is within the goal; None if that never happens."""
        goal = GOAL_RATIO * Times.of(_accepted(self.unloaded, LIVE)).p99
        end = self.start + self.seconds
        later = [sample for sample in self.samples if sample.due >= end and sample.kind in LIVE]
        last = max((sample.due for sample in later), default=end)
        for tenth in range(int((last - end - WINDOW_S) * 10) + 1):
            begins = end + tenth / 10
            window = [sample for sample in later if begins <= sample.due < begins + WINDOW_S]
            if window and len(_accepted(window, LIVE)) == len(window) and Times.of(window).p99 <= goal:
                return tenth / 10
        return None

    def as_json(self) -> dict[str, Any]:
        """Returns all figures as JSON values."""
        return {
            "capacity": self.capacity,
            "live_ratio": self.ratio(LIVE),
            "ratios": {kind: self.ratio([kind]) for kind in KINDS},
            "recovered_after_s": self.recovered_after(),
            "memory": [self.memory.before, self.memory.peak, self.memory.after],
            "cpu_s": self.cpu,
            "load_average": self.load_average,
        }


def _accepted(samples: Sequence[Sample], kinds: Sequence[str] = KINDS) -> list[Sample]:
    return [sample for sample in samples if sample.kind in kinds and 200 <= sample.status < 300]


def _refused(samples: Sequence[Sample], kinds: Sequence[str] = KINDS) -> list[Sample]:
    return [sample for sample in samples if sample.kind in kinds and sample.status in REFUSED]


def print_figures(figures: Overload) -> None:
    """Prints the figures as tables."""
    console = Console(width=120)
    console.print(
        f"capacity {figures.capacity:.0f} requests/s; {figures.times:g} times as much for {figures.seconds:.0f} s; "
        f"a fixed piece of work took {figures.pace} ms of CPU; load average {figures.load_average}"
    )
    table = Table("kind", "sent", "accepted", "share", "unloaded p50, p99", "accepted p50, p99", "p99 ratio", "others")
    for name, kinds in (*((kind, (kind,)) for kind in KINDS), ("live", LIVE)):
        sent = [sample for sample in figures.during if sample.kind in kinds]
        then, now = Times.of(_accepted(figures.unloaded, kinds)), Times.of(_accepted(sent))
        others = Counter(
            sample.status for sample in sent if not 200 <= sample.status < 300 and sample.status not in REFUSED
        )
        table.add_row(
            *(name, str(len(sent)), str(now.count), f"{now.count / max(1, len(sent)):.2f}"),
            *(f"{then.p50}, {then.p99}", f"{now.p50}, {now.p99}", f"{figures.ratio(kinds)}", str(dict(others) or "")),
        )
    console.print(table)
    refused = _refused(figures.during)
    early, times = [sample for sample in refused if sample.says_when], Times.of(refused)
    late = Times.of([Sample(sample.kind, sample.due, sample.due, sample.sent) for sample in figures.during])
    megabytes = [round(size / 2**20) for size in (figures.memory.before, figures.memory.peak, figures.memory.after)]
    dearest = sorted(figures.cpu.items(), key=lambda item: -item[1])
    for line in (
        f"refused {len(refused) / max(1, len(figures.during)):.2f} of all, {len(early)} of {len(refused)} with "
        f"Retry-After; p50 {times.p50} ms, p99 {times.p99} ms",
        f"live p99 ratio {figures.ratio(LIVE)} (goal {GOAL_RATIO}); without the first {ONSET_S:g} s "
        f"{figures.ratio(LIVE, ONSET_S)}",
        f"recovered after {figures.recovered_after()} s (goal {GOAL_RECOVERY_S:.0f})",
        f"memory {megabytes} MB before, at the peak, after: ratios {megabytes[1] / megabytes[0]:.2f}, "
        f"{megabytes[2] / megabytes[0]:.2f} (goal {GOAL_MEMORY})",
        f"the generator sent {late.p50} ms (p50), {late.p99} ms (p99) after the time that was due",
        "CPU, s: " + ", ".join(f"{name} {cpu:.1f}" for name, cpu in dearest[:9]),
    ):
        console.print(line)
