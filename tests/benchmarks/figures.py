"""The results of a benchmark run: rates, latencies, costs; as a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.statements import Statements

PERCENTILES = (50, 95, 99)
PARTS = ("postgres", "kafka")
ASIDE = ("smtp", "load generator")
"""Processes that are measured but not part of the cost of a document."""
_STATEMENT_SHOWN = 150


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float
    p95: float
    p99: float
    longest: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        """Returns the percentiles of a sample that is not empty, in seconds."""
        ordered = sorted(seconds)
        values = [ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000 for percent in PERCENTILES]
        p50, p95, p99 = (round(value, 1) for value in values)
        return cls(p50, p95, p99, round(ordered[-1] * 1000, 1), len(ordered))


@dataclass(frozen=True)
class Work:
    """The work per document, counted by PostgreSQL and Kafka, which shows that two pipelines did the same."""

    commits: float
    wal_kb: float
    messages: float


@dataclass
class Figures:
    """The figures of one pipeline under one load. CPU in seconds by process."""

    documents: int
    failed: int
    offered: float | None
    sustained: float
    latencies: dict[str, Latency]
    cpu: dict[str, float]
    idle: dict[str, float]
    memory: dict[str, tuple[int, int]]
    work: Work
    others: float
    pace: tuple[float, float] = (0.0, 0.0)
    databases: list[Statements] = field(default_factory=list)
    statements: list[Statements] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """Milliseconds of CPU per document of services, broker and database together."""
        return self.per_document(sum(cpu for name, cpu in self.cpu.items() if name not in ASIDE))

    def per_document(self, seconds: float) -> float:
        """Returns milliseconds per document."""
        return seconds * 1000 / max(1, self.documents)

    def as_json(self) -> dict[str, Any]:
        """Returns the figures as JSON values."""
        return {**asdict(self), "cpu_ms_per_document": round(self.cost, 3)}

    @property
    def round_trips(self) -> float:
        """The statements that PostgreSQL executed per document, including begin and commit."""
        return sum(database.round_trips for database in self.databases)


@dataclass(frozen=True)
class Goal:
    """A target figure. `reached` None: this run does not measure it."""

    text: str
    measured: str
    reached: bool | None


def goals(figures: Figures, bare: Figures | None) -> list[Goal]:
    """Returns the goals that this load measures."""
    latency, clean = figures.latencies["deposit -> alert handled"], not figures.failed
    if figures.offered is None:
        speed = None if bare is None else figures.sustained / bare.sustained
        cost = None if bare is None else bare.cost / figures.cost
        return [
            Goal("0.65 of the documents/s by hand", _ratio(speed), clean and speed >= 0.65 if speed else None),
            Goal("0.65 of the CPU by hand", _ratio(cost), clean and cost >= 0.65 if cost else None),
        ]
    p50 = 150 if figures.offered >= 100 else 80
    reached = [Goal(f"deposit to alert: p50 < {p50} ms", f"{latency.p50:.0f} ms", clean and latency.p50 < p50)]
    if figures.offered >= 100:
        reached.append(Goal("deposit to alert: p99 < 300 ms", f"{latency.p99:.0f} ms", clean and latency.p99 < 300))
    return reached


def show(console: Console, title: str, figures: Figures) -> None:
    """Prints the figures of one pipeline."""
    offered = "as fast as it goes" if figures.offered is None else f"{figures.offered:.1f}/s offered"
    console.print(
        f"\n[bold]{title}[/bold]: {figures.documents} documents, {offered}, "
        f"[bold]{figures.sustained:.1f}/s[/bold] until the last alert was handled; failed deposits: {figures.failed}"
    )
    console.print(_latencies(figures.latencies))
    console.print(_costs(figures))
    work = figures.work
    databases = ", ".join(
        f"{database.name} {database.round_trips:.1f} in {database.milliseconds:.2f} ms"
        for database in figures.databases
    )
    console.print(
        f"per document: {work.commits:.1f} commits, {work.wal_kb:.0f} KB of write-ahead log, "
        f"{work.messages:.1f} Kafka messages, {figures.round_trips:.1f} round trips ({databases}). "
        f"Other programs used {figures.others:.0%} of the machine meanwhile; a fixed piece of work took "
        f"{figures.pace[0]:.1f} ms of CPU before and {figures.pace[1]:.1f} ms after."
    )
    for note in figures.notes:
        console.print(f"[yellow]{note}[/yellow]")


def _latencies(latencies: Mapping[str, Latency]) -> Table:
    table = Table("step (milliseconds)", title_justify="left")
    for name in ("p50", "p95", "p99", "longest"):
        table.add_column(name, justify="right")
    for step, latency in latencies.items():
        values = (latency.p50, latency.p95, latency.p99, latency.longest)
        table.add_row(step, *(f"{value:.1f}" for value in values))
    return table


def _costs(figures: Figures) -> Table:
    table = Table("process")
    for name in ("CPU ms/document", "CPU s", "idle, same time, s", "memory MB", "peak MB"):
        table.add_column(name, justify="right")
    counted = {name: cpu for name, cpu in figures.cpu.items() if name not in ASIDE}
    for name, cpu in sorted(counted.items(), key=lambda item: -item[1]):
        _cost_row(table, figures, name, cpu)
    table.add_section()
    table.add_row(
        "[bold]services + broker + database[/bold]",
        f"[bold]{figures.cost:.2f}[/bold]",
        f"{sum(counted.values()):.2f}",
        f"{sum(idle for name, idle in figures.idle.items() if name in counted):.2f}" if figures.idle else "-",
        f"{sum(figures.memory[name][0] for name in counted if name in figures.memory) / 2**20:.0f}",
    )
    table.add_section()
    for name in ASIDE:
        if name in figures.cpu:
            _cost_row(table, figures, name, figures.cpu[name])
    return table


def _cost_row(table: Table, figures: Figures, name: str, cpu: float) -> None:
    resident, peak = figures.memory.get(name, (0, 0))
    table.add_row(
        name,
        f"{figures.per_document(cpu):.2f}",
        f"{cpu:.2f}",
        f"{figures.idle[name]:.2f}" if name in figures.idle else "-",
        f"{resident / 2**20:.0f}" if resident else "-",
        f"{peak / 2**20:.0f}" if peak else "-",
    )


def show_comparison(console: Console, figures: Figures, bare: Figures) -> None:
    """Prints the services against the bare pipeline."""
    table = Table("services against bare", "services", "bare", "ratio")
    rows = [
        ("CPU ms per document", figures.cost, bare.cost, bare.cost / figures.cost),
        ("documents/s until the last alert", figures.sustained, bare.sustained, figures.sustained / bare.sustained),
        ("commits per document", figures.work.commits, bare.work.commits, None),
        ("round trips per document", figures.round_trips, bare.round_trips, None),
        ("write-ahead log KB per document", figures.work.wal_kb, bare.work.wal_kb, None),
        ("Kafka messages per document", figures.work.messages, bare.work.messages, None),
    ]
    for name, ours, theirs, ratio in rows:
        table.add_row(name, f"{ours:.2f}", f"{theirs:.2f}", _ratio(ratio) if ratio else "")
    console.print(table)


def show_statements(console: Console, figures: Figures, most: int) -> None:
    """Prints the most expensive statements."""
    table = Table("statement", title_justify="left")
    for name in ("times/document", "ms/document"):
        table.add_column(name, justify="right")
    for statement in figures.statements[:most]:
        table.add_row(
            statement.name[:_STATEMENT_SHOWN], f"{statement.round_trips:.2f}", f"{statement.milliseconds:.3f}"
        )
    console.print(table, markup=False)


def show_goals(console: Console, reached: Sequence[Goal]) -> None:
    """Prints the goals with marks."""
    marks = {True: "[green]reached[/green]", False: "[red]not reached[/red]", None: "not measured by this run"}
    table = Table("goal", "measured", "")
    for goal in reached:
        table.add_row(goal.text, goal.measured, marks[goal.reached])
    console.print(table)


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
