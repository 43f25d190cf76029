"""The CPU seconds and memory that processes use, from /proc.

PostgreSQL counts as one: the postmaster, its running children, and its ended ones (whose time counts as the
postmaster's once it has reaped them).
"""

import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

FAMILIES = frozenset({"postgres"})
"""Processes whose children are counted with them."""


@dataclass(frozen=True)
class Usage:
    """The use of one process (or family) so far: CPU seconds; resident and highest resident bytes."""

    cpu: float
    resident: int
    peak: int


@dataclass(frozen=True)
class Moment:
    """All processes at one time. `busy`: CPU seconds of the whole machine since its start."""

    at: float
    busy: float
    usages: Mapping[str, Usage]
    pids: Mapping[str, int]


def look(pids: Mapping[str, int]) -> Moment:
    """Returns the present use."""
    usages = {name: _family(pid) if name in FAMILIES else _alone(pid) for name, pid in pids.items()}
    times = psutil.cpu_times()
    busy = times.user + times.nice + times.system + times.irq + times.softirq
    return Moment(time.time(), busy, usages, dict(pids))


def spent(before: Moment, after: Moment) -> dict[str, float]:
    """Returns the CPU seconds of each process between two moments. Raises RuntimeError if one was restarted."""
    changed = [name for name, pid in before.pids.items() if after.pids.get(name) != pid]
    if changed:
        raise RuntimeError(f"restarted meanwhile: {', '.join(changed)}")
    return {name: after.usages[name].cpu - usage.cpu for name, usage in before.usages.items()}


def by_others(before: Moment, after: Moment) -> float:
    """Returns the share of the machine that other processes used; it shows a disturbed measurement."""
    ours = sum(spent(before, after).values())
    whole = (after.at - before.at) * (psutil.cpu_count() or 1)
    return max(0.0, after.busy - before.busy - ours) / whole


def pace() -> float:
    """Returns the milliseconds of CPU that a fixed piece of work takes; a machine under load takes longer."""
    taken = []
    for _ in range(9):
        before = time.process_time()
        sum(number * number for number in range(150_000))
        taken.append(time.process_time() - before)
    return round(statistics.median(taken) * 1000, 2)


def _alone(pid: int) -> Usage:
    process = psutil.Process(pid)
    with process.oneshot():
        times, resident = process.cpu_times(), process.memory_info().rss
    return Usage(times.user + times.system, resident, _highest(pid, resident))


def _family(pid: int) -> Usage:
    parent = psutil.Process(pid)
    times = parent.cpu_times()
    cpu = times.user + times.system + times.children_user + times.children_system
    resident = _proportional(parent)
    for child in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            cpu += own.user + own.system
            resident += _proportional(child)
    return Usage(cpu, resident, resident)


def _proportional(process: psutil.Process) -> int:
    """Returns the resident bytes, with shared memory divided among the processes that share it."""
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return int(process.memory_info().rss)


def _highest(pid: int, otherwise: int) -> int:
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return otherwise
