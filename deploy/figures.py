"""The measured figures on which sizes rest (`figures.json`), and the national load."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from shared.contracts.declarations import Group

LAG_S: Final = 5
"""Seconds of a worker's work that may wait before another worker is started."""


@dataclass(frozen=True)
class NationalLoad:
    """The load of the nation in events per second, at its peak."""

    deposits: float = 99
    openings: float = 264
    reimbursement_lines: float = 890
    ledger_entries: float = 1137


@dataclass(frozen=True)
class Figures:
    """What the benchmarks of the project measured. CPU in milliseconds, by process."""

    source: str
    command: str
    machine: str
    documents_per_s: float
    cpu_ms_per_document: Mapping[str, float]
    records_per_document: Mapping[str, int]
    messages_per_document: float
    wal_kb_per_document: float
    cpu_ms_per_read: Mapping[str, float]


@cache
def figures() -> Figures:
    """Returns the figures of `figures.json`."""
    return Figures(**json.loads((Path(__file__).parent / "figures.json").read_text("utf-8")))


def lag_threshold(group: Group) -> int:
    """Returns the records that may wait in a group for each of its workers: LAG_S times what one worker did a second.

    identity's worker has no figure of its own and counts as the slowest.
    """
    measured = figures()
    least = min(measured.records_per_document.values())
    records = measured.records_per_document.get(f"{group.service}-worker", least)
    return int(measured.documents_per_s * records * LAG_S)
