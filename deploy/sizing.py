"""The sizing sheet for the national load, `docs/sizing.md`: computed from the benchmarks' figures.

python -m deploy.sizing        prints the sheet; `python -m deploy.generate` writes it
"""

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from deploy.figures import LAG_S, Assumptions, NationalLoad, figures, records_per_s
from deploy.manifests.kafka import BROKER_GIB, BROKERS, REPLICATION
from deploy.manifests.postgres import INSTANCES, STORAGE_GIB, max_connections
from deploy.manifests.processes import PROCESSES, Process, connections_of
from services.records.settings import ReimbursementSettings
from shared.contracts.declarations import NATIONAL_PARTITIONS, SERVICES, Service
from shared.contracts.topics import FACTS_KEPT, INSURANCE_REIMBURSEMENTS

UTILISATION: Final = 0.65
"""The share of a core that is used at the peak: an autoscaler adds a replica beyond it."""
ZONES_LEFT: Final = 2 / 3
"""What is left of the replicas while one of three zones is away."""
YEARS: Final = 3
_SECONDS_A_YEAR: Final = 365.25 * 24 * 3600
_GIB: Final = 1024 * 1024
"""KiB in a GiB."""
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
    return {service: value / _GIB for service, value in kib.items()}


def kafka_gib() -> float:
    """Returns the storage of all brokers: facts for as long as they are kept, each REPLICATION times."""
    facts = (LOAD.deposits * figures().messages_per_document + reads_per_s()) * FACTS_KEPT.total_seconds()
    kept = INSURANCE_REIMBURSEMENTS.retention
    assert kept is not None, "the feed is no state"
    messages = (facts + LOAD.lines * kept.total_seconds()) / ASSUMED.peak_ratio
    return messages * ASSUMED.message_kib * REPLICATION / _GIB


def disks_and_network() -> dict[str, str]:
    """Returns what disks and networks carry at the peak, as texts by what is counted."""
    measured, reads = figures(), reads_per_s()
    commits = LOAD.deposits * measured.commits_per_document + reads * ASSUMED.commits_per_read
    stored = LOAD.openings * ASSUMED.person_kib + LOAD.lines * ASSUMED.line_kib + reads * ASSUMED.entry_kib
    wal = LOAD.deposits * measured.wal_kib_per_document + stored * ASSUMED.wal_per_kib
    kafka = messages_per_s() * ASSUMED.message_kib
    callers = LOAD.deposits * ASSUMED.body_kib + reads * ASSUMED.answer_kib
    return {
        "commits of the five primaries, each a write of the log that several may share": f"{_rate(commits)}/s",
        "write-ahead log, of all primaries": f"{_megabytes(wal)}/s",
        f"the same to {INSTANCES - 1} standbys each": f"{_megabytes(wal * (INSTANCES - 1))}/s",
        f"Kafka's disks, all brokers, {REPLICATION} replicas": f"{_megabytes(kafka * REPLICATION)}/s",
        "Kafka's network between brokers": f"{_megabytes(kafka * (REPLICATION - 1))}/s",
        "callers to the APIs and back": f"{_megabytes(callers)}/s",
    }


def messages_per_s() -> float:
    """Returns the messages that producers send to Kafka at the peak, per second."""
    return LOAD.deposits * figures().messages_per_document + reads_per_s() + LOAD.lines + LOAD.openings


def sizing_page() -> str:
    """Returns the sheet as Markdown."""
    parts = (_intro(), _processes(), _partitions(), _connections(), _disks(), _storage(), _assumptions())
    return "\n".join(line for part in parts for line in part) + "\n"


def _intro() -> list[str]:
    return [
        "# Sizing for the nation",
        "",
        *_paragraph(
            "Generated by `python -m deploy.generate` from `deploy/figures.json` and",
            "`deploy/sizing.py`. Figures of one small",
            f"machine are multiplied: {figures().machine}. Take the order of magnitude from",
            "them, and run the benchmarks",
            "again on the machines of the installation.",
        ),
        *_paragraph(
            f"Peak: {LOAD.deposits:g} deposits/s, {LOAD.openings:g} openings/s,",
            f"{LOAD.lines:g} lines of reimbursement/s,",
            f"{LOAD.entries:,g} entries of the ledger/s, of which {reads_per_s():,.0f}",
            "accesses/s. The figures come from:",
        ),
        *(f"- {name}: {source}" for name, source in figures().sources.items()),
    ]


def _processes() -> list[str]:
    return [
        *_heading("Processes"),
        *_paragraph(
            "Cores: what the peak keeps busy. Needed: replicas at the peak with one zone of three away, each using",
            f"{UTILISATION:.0%} of a core. One more core: what it adds at that use, if the process does nothing else.",
        ),
        *_table("process", "cores at the peak", "needed", "replicas in the manifests", "one more core"),
        *(_process_row(process) for process in PROCESSES),
        "",
        *_paragraph(*_servers()),
    ][:-1]


def _process_row(process: Process) -> str:
    work, absent = work_of(process), "not measured"
    cores = f"{sum(each.cores for each in work):.2f}" if work else absent
    gains = ", ".join(f"{_rate(UTILISATION * 1000 / each.ms)} {each.unit}/s" for each in work) or absent
    needed = str(replicas_needed(process)) if work else absent
    return _row(process.name, cores, needed, f"{process.least} to {process.most}", gains)


def _servers() -> tuple[str, str]:
    """Returns what PostgreSQL and Kafka have to do at the peak."""
    measured = figures()
    postgres = (
        measured.cpu_ms_per_document["PostgreSQL"] * LOAD.deposits
        + measured.cpu_ms_per_read["PostgreSQL"] * reads_per_s()
        + measured.cpu_ms_per_line["PostgreSQL"] * LOAD.lines
    ) / 1000
    messages = messages_per_s()
    kafka = measured.cpu_ms_per_document["Kafka"] / measured.messages_per_document * messages / 1000
    return (
        f"PostgreSQL, the five primaries together: {postgres:.1f} cores.",
        f"Kafka, all brokers, before replication: {kafka:.1f} cores for {messages:,.0f} messages/s.",
    )


def _partitions() -> list[str]:
    return [
        *_heading("Partitions"),
        *_paragraph(
            f"{NATIONAL_PARTITIONS} for each large topic, for ever. One worker of a group",
            "reads a partition, so that a group",
            f"has {NATIONAL_PARTITIONS} workers at most. The ledger's group reads most:",
            f"{LOAD.entries:,g} records/s at the",
            "peak, of several topics. In a second of the benchmark one worker handled:",
        ),
        *_table("worker", "records/s", "lag at which another one starts"),
        *(
            _row(name, _rate(records_per_s(name)), f"{_rate(records_per_s(name) * LAG_S)} records")
            for name in figures().records_per_document
        ),
    ]


def _connections() -> list[str]:
    return [
        *_heading("Connections"),
        *_paragraph(
            "Held by all processes of a service at their largest, in the middle of a",
            "rollout. No pooler stands between:",
            "a relay needs a session of its own.",
        ),
        *_table("database", "connections at most", "`max_connections`"),
        *(_row(service, str(connections_of(service)), str(max_connections(service))) for service in SERVICES),
    ]


def _disks() -> list[str]:
    return [
        *_heading("Disks and network"),
        *_paragraph("At the peak, without checkpoints, vacuum and backups, which come on top."),
        *_table("what", "at the peak"),
        *(_row(what, value) for what, value in disks_and_network().items()),
    ]


def _storage() -> list[str]:
    decision = "[decision 24](decisions/0024-sharding-by-bucket.md)"
    return [
        *_heading(f"Storage for {YEARS} years"),
        *_paragraph(
            "Of one instance; three hold the same, and backups come on top. A volume is",
            "enlarged while it is used. A database",
            f"that outgrows one machine must be divided by bucket ({decision}), which no code does yet.",
        ),
        *_table("database", "after three years", "in the manifests", "which last"),
        *(_storage_row(service) for service in SERVICES),
        "",
        f"Kafka keeps {_size(kafka_gib())} on all brokers together; the manifests give {_size(BROKER_GIB * BROKERS)}.",
    ]


def _storage_row(service: Service) -> str:
    needed = storage_gib()[service]
    months = 12 * YEARS * STORAGE_GIB[service] / needed
    lasts = f"{months:.0f} months" if months < 12 * YEARS else "three years and more"
    return _row(service, _size(needed), _size(STORAGE_GIB[service]), lasts)


def _assumptions() -> list[str]:
    about = {
        "peak_ratio": "the peak over the mean of a year",
        "ms_per_opening": "ms of CPU of identity's API for an opening",
        "people": "records",
        "document_kib": "KiB of a document: 20 KB of compressed content, its rows and indexes",
        "entry_kib": "KiB of an entry of the ledger, with its indexes",
        "line_kib": "KiB of a line of reimbursement, with its indexes",
        "person_kib": "KiB of a person in identity",
        "state_kib": "KiB of a record's choices in consent",
        "message_kib": "KiB of a message on one broker",
        "body_kib": "KiB of a deposit on the wire: 60 KB of CDA in base64, and what is said of it",
        "answer_kib": "KiB of a read on the wire: a document of 20 KB",
        "commits_per_read": "commits for a read: its trace, and a share of the ledger's",
        "wal_per_kib": "KiB of write-ahead log for each KiB that is stored, where it was not counted",
    }
    rows = (_row(about[field.name], f"{getattr(ASSUMED, field.name):,}") for field in fields(ASSUMED))
    return [*_heading("Assumed, not measured"), *_table("what", "value"), *rows]


def _heading(text: str) -> list[str]:
    return ["", f"## {text}", ""]


def _paragraph(*parts: str) -> list[str]:
    return [*textwrap.wrap(" ".join(parts), 120, break_long_words=False, break_on_hyphens=False), ""]


def _table(*titles: str) -> list[str]:
    return [_row(*titles), "|---" * len(titles) + "|"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rate(value: float) -> str:
    """Returns a rate with two significant digits, as exact as it is."""
    digits = max(0, math.floor(math.log10(value)) - 1)
    return f"{round(value, -digits):,.0f}"


def _megabytes(kib: float) -> str:
    """Returns a rate of bytes for people."""
    return f"{kib / 1024:,.1f} MiB"


def _size(gib: float) -> str:
    """Returns a storage size for people."""
    return f"{gib / 1024:,.1f} TiB" if gib >= 1024 else f"{gib:,.0f} GiB"


if __name__ == "__main__":
    print(sizing_page(), end="")
