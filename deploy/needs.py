"""What the national load takes: cores, replicas, storage, disks and network, computed from the benchmarks' figures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from deploy.figures import Assumptions, NationalLoad, figures
from deploy.manifests.kafka import REPLICATION
from deploy.manifests.processes import Process
from services.records.settings import ReimbursementSettings
from shared.contracts.declarations import Service
from shared.contracts.topics import FACTS_KEPT, INSURANCE_REIMBURSEMENTS

UTILISATION: Final = 0.65
"""The share of a core that is used at the peak: an autoscaler adds a replica beyond it."""
ZONES_LEFT: Final = 2 / 3
"""What is left of the replicas while one of three zones is away."""
YEARS: Final = 3
_SECONDS_A_YEAR: Final = 365.25 * 24 * 3600
KIB_PER_GIB: Final = 1024 * 1024
LOAD, ASSUMED = NationalLoad(), Assumptions()


@dataclass(frozen=True)
class Work:
    """The work of one process at the peak. `ms`: CPU of one unit; `unit`: what is counted; `rate`: units per second."""

    unit: str
    ms: float
    rate: float

    @property
    def cores(self) -> float:
        """The cores that are busy with it."""
        return self.ms * self.rate / 1000


def reads_per_s() -> float:
    """Returns the accesses per second: entries of the ledger that are not about a deposit's way."""
    return LOAD.entries - LOAD.deposits * figures().records_per_document["audit-worker"]


def work_of(process: Process) -> list[Work]:
    """Returns the work of a process at the national peak; empty where nothing is measured or assumed."""
    measured = figures()
    document = measured.cpu_ms_per_document
    match process.name:
        case "identity-api":
            return [Work("openings", ASSUMED.ms_per_opening, LOAD.openings)]
        case "records-api":
            reads = Work("reads", measured.cpu_ms_per_read["records-api"], reads_per_s())
            return [Work("deposits", document["records-api"], LOAD.deposits), reads]
        case "records-extract":
            return [Work("deposits", document["records-extract"], LOAD.deposits)]
        case "records-worker":
            lines = Work("lines", measured.cpu_ms_per_line["records-worker"], LOAD.lines)
            return [Work("deposits", document["records-worker"], LOAD.deposits), lines]
        case "audit-worker":
            each = document["audit-worker"] / measured.records_per_document["audit-worker"]
            return [Work("entries", each, LOAD.entries)]
        case "consent-worker" | "notify-worker":
            return [Work("deposits", document[process.name], LOAD.deposits)]
        case _:
            return []


def replicas_needed(process: Process) -> int:
    """Returns the replicas that carry the peak with one zone away, each with one core at most."""
    cores = sum(work.cores for work in work_of(process))
    return max(1, math.ceil(cores / UTILISATION / ZONES_LEFT))


def storage_gib() -> Mapping[Service, float]:
    """Returns the storage of one instance of each database after YEARS years, in GiB."""
    seconds = YEARS * _SECONDS_A_YEAR / ASSUMED.peak_ratio
    months: int = ReimbursementSettings.model_fields["months"].default
    line_seconds = months / 12 * _SECONDS_A_YEAR / ASSUMED.peak_ratio
    documents = LOAD.deposits * seconds * ASSUMED.document_kib
    lines = LOAD.lines * line_seconds * ASSUMED.line_kib
    kib: dict[Service, float] = {
        "identity": ASSUMED.people * ASSUMED.person_kib,
        "records": documents + lines,
        "consent": ASSUMED.people * ASSUMED.state_kib,
        "audit": LOAD.entries * seconds * ASSUMED.entry_kib,
        "notify": LOAD.deposits * FACTS_KEPT.total_seconds() * 3 / ASSUMED.peak_ratio * ASSUMED.message_kib,
    }
    return {service: value / KIB_PER_GIB for service, value in kib.items()}


def kafka_gib() -> float:
    """Returns the storage of all brokers: facts for as long as they are kept, each REPLICATION times."""
    facts = (LOAD.deposits * figures().messages_per_document + reads_per_s()) * FACTS_KEPT.total_seconds()
    kept = INSURANCE_REIMBURSEMENTS.retention
    assert kept is not None, "the feed is no state"
    messages = (facts + LOAD.lines * kept.total_seconds()) / ASSUMED.peak_ratio
    return messages * ASSUMED.message_kib * REPLICATION / KIB_PER_GIB


@dataclass(frozen=True)
class Traffic:
    """What disks and networks carry at the peak. `commits`: per second; the others: KiB per second.

    `wal`: the write-ahead log of all primaries; `kafka`: one replica of what is announced; `callers`: between callers
    and the APIs.
    """

    commits: float
    wal: float
    kafka: float
    callers: float


def traffic() -> Traffic:
    """Returns what disks and networks carry at the peak."""
    measured, reads = figures(), reads_per_s()
    stored = LOAD.openings * ASSUMED.person_kib + LOAD.lines * ASSUMED.line_kib + reads * ASSUMED.entry_kib
    return Traffic(
        commits=LOAD.deposits * measured.commits_per_document + reads * ASSUMED.commits_per_read,
        wal=LOAD.deposits * measured.wal_kib_per_document + stored * ASSUMED.wal_per_kib,
        kafka=messages_per_s() * ASSUMED.message_kib,
        callers=LOAD.deposits * ASSUMED.body_kib + reads * ASSUMED.answer_kib,
    )


def messages_per_s() -> float:
    """Returns the messages that producers send to Kafka at the peak, per second."""
    return LOAD.deposits * figures().messages_per_document + reads_per_s() + LOAD.lines + LOAD.openings
