"""The measured figures on which sizes rest (`figures.json`), the national load, and what is assumed beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LAG_S: Final = 5
"""Seconds of a worker's work that may wait before another worker is started."""


@dataclass(frozen=True)
class NationalLoad:
    """The load of the nation in events per second, at its peak."""

    deposits: float = 99
    openings: float = 264
    lines: float = 890
    entries: float = 1137


@dataclass(frozen=True)
class Assumptions:
    """What no benchmark measures. `peak_ratio`: the peak over the mean of a year."""

    peak_ratio: float = 5
    ms_per_opening: float = 5
    """CPU of identity's API for one opening; passwords, which only some persons set, are not in it."""
    people: int = 68_000_000
    document_kib: float = 23
    """20 KB of compressed content, as benchmarks deposit it, and its rows and indexes."""
    entry_kib: float = 0.6
    line_kib: float = 0.4
    person_kib: float = 6
    state_kib: float = 3
    message_kib: float = 1.2
    """One message on one broker, with its headers."""
    body_kib: float = 85
    """A deposit on the wire: a document of 60 KB in base64, as benchmarks deposit it, and what is said of it."""
    answer_kib: float = 24
    """A read on the wire: a document of 20 KB and its headers."""
    commits_per_read: float = 1.1
    """The trace before the data is a commit; the ledger enters many accesses in one."""
    wal_per_kib: float = 2
    """KiB of write-ahead log for each KiB that is stored, where no benchmark counted it."""


@dataclass(frozen=True)
class Figures:
    """What the benchmarks of the project measured, put here by `tests/benchmarks/national.py`.

    CPU in milliseconds, by process. `memory_mib`: the most that a process held in memory, MiB. `cpu_ms_beside_stored`,
    `cpu_ms_with_workers`: of a whole document, by the number of stored ones, and by the number of partitions and of
    workers of each service.
    """

    sources: Mapping[str, str]
    machine: str
    documents_per_s: float
    cpu_ms_per_document: Mapping[str, float]
    records_per_document: Mapping[str, int]
    messages_per_document: float
    commits_per_document: float
    wal_kib_per_document: float
    cpu_ms_per_read: Mapping[str, float]
    cpu_ms_per_line: Mapping[str, float]
    memory_mib: Mapping[str, int]
    cpu_ms_beside_stored: Mapping[str, float]
    cpu_ms_with_workers: Mapping[str, float]


@cache
def figures() -> Figures:
    """Returns the figures of `figures.json`."""
    return Figures(**json.loads((Path(__file__).parent / "figures.json").read_text("utf-8")))


def records_per_s(worker: str) -> float:
    """Returns the records that one worker (`records-worker`) handled in a second of the benchmark, at full speed.

    identity's worker has no figure of its own and counts as the slowest.
    """
    measured = figures()
    least = min(measured.records_per_document.values())
    return measured.documents_per_s * measured.records_per_document.get(worker, least)


def lag_threshold(worker: str) -> int:
    """Returns the records that may wait for each worker (`records-worker`): LAG_S times what one handled a second."""
    return int(records_per_s(worker) * LAG_S)
