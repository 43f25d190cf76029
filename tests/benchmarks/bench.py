"""One benchmark run: starts everything, opens records, runs one load after the other, collects the figures."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from deploy.local.cli.interruptible import print_progress
from deploy.local.platform.kafka import admin_client
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Report
from shared.messaging.topics.grants import ADMIN
from tests.benchmarks import profiling, statements
from tests.benchmarks.figures import Figures, Latency, Work
from tests.infra.messaging.flow import Journey, StalledError, journeys, wait_complete
from tests.infra.platform import costs
from tests.infra.platform.commands import tell
from tests.infra.platform.costs import Moment
from tests.infra.records.depositing import Order, Result, Run
from tests.infra.records.hospital import Depositing, Hospital, depositing

WARM_UP, WARM_UP_RATE = 300, 30.0
IDLE_S = 15.0
FASTEST = 450
"""Documents per second for which bodies are prepared when a load has no rate."""
STATISTICS_DELAY_S = 1.5
PROCESSES = [f"{service}-{role}" for service in NAMES for role in ("api", "worker")]
COMMITS = "select sum(xact_commit)::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint from pg_stat_database"


class MakeStack(Protocol):
    """Makes the stack of a benchmark in a folder."""

    def __call__(self, folder: Path, *, report: Report) -> Stack: ...


@dataclass(frozen=True)
class Load:
    """A load to run. `rate` None: as fast as possible."""

    rate: float | None
    seconds: float
    at_once: int = 16

    @property
    def count(self) -> int:
        """The maximum number of documents."""
        return int((self.rate or FASTEST) * self.seconds)

    def __str__(self) -> str:
        return "as fast as it goes" if self.rate is None else f"{self.rate:g}/s"


@dataclass(frozen=True)
class Counted:
    """Commits, bytes of WAL and messages so far."""

    commits: int
    wal: int
    messages: int

    def per_document(self, earlier: "Counted", documents: int) -> Work:
        """Returns the work per document since an earlier count."""
        many = max(1, documents)
        return Work(
            round((self.commits - earlier.commits) / many, 2),
            round((self.wal - earlier.wal) / many / 1024, 1),
            round((self.messages - earlier.messages) / many, 2),
        )


class Bench:
    """One run on one Stack."""

    def __init__(self, stack: Stack, folder: Path, loads: Sequence[Load]) -> None:
        self.stack, self.folder, self.loads = stack, folder, loads

    async def measure_services(self, hospital: Depositing, profile: tuple[str, ...] = ()) -> list[Figures]:
        """Measures warm-up, idle time and each load."""
        await self.warm_up(hospital)
        tell(f"measuring {IDLE_S:.0f} s without load")
        before = costs.look(self.pids(self.processes))
        await asyncio.sleep(IDLE_S)
        idle = costs.spent(before, costs.look(before.pids))
        figures = []
        for number, load in enumerate(self.loads):
            async with profiling.recording(self.stack, profile, load.seconds, self.folder):
                measured = await self.measure_load(hospital, number)
            ratio = measured.elapsed / IDLE_S
            measured.figures.idle = {name: cpu * ratio for name, cpu in idle.items()}
            figures.append(measured.figures)
        return figures

    async def warm_up(self, hospital: Depositing) -> None:
        """Deposits the first documents and waits until they are handled."""
        start = time.time()
        warming = Run(self.url, 0, WARM_UP, start + 0.5, WARM_UP_RATE, persist=True)
        await self.deposit(hospital, warming, "warming up")
        await wait_complete(self.stack, start, WARM_UP, tell)

    async def measure_load(self, hospital: Depositing, number: int) -> "Measured":
        """Runs the load of this number, with its own bodies. The figures have no idle cost yet."""
        load = self.loads[number]
        await statements.reset(self.stack)
        counted, pace = await self.count(), costs.pace()
        before, start = costs.look(self.pids(self.processes)), time.time() + 0.2
        run = self.run(self.url, start, number)
        results, own = await self.deposit(hospital, run, f"{load}, depositing")
        accepted = [result for result in results if result.status in (200, 201)]
        notes = []
        try:
            await wait_complete(self.stack, start, len(accepted), tell)
        except StalledError as error:
            notes.append(str(error))
        after = costs.look(before.pids)
        journeys_by_id = {str(id): journey for id, journey in (await journeys(self.stack, start)).items()}
        await asyncio.sleep(STATISTICS_DELAY_S)
        work = (await self.count()).per_document(counted, len(accepted))
        made = summarise(load, results, journeys_by_id, before, after, work)
        made.databases = await statements.by_database(self.stack, len(accepted))
        made.statements = await statements.by_statement(self.stack, len(accepted))
        made.cpu["load generator"] = own["cpu"]
        made.pace = pace, costs.pace()
        made.notes += notes + shortcomings(results, journeys_by_id)
        return Measured(made, after.at - before.at)

    def run(self, url: str, start: float, number: int) -> Run:
        """Returns the measured run of the load of this number, with its own bodies."""
        load = self.loads[number]
        first = WARM_UP + sum(earlier.count for earlier in self.loads[:number])
        return Run(url, first, load.count, start, load.rate, load.seconds, load.at_once)

    async def deposit(self, hospital: Depositing, run: Run, what: str) -> tuple[list[Result], dict[str, float]]:
        """Deposits and reports the progress."""
        return await hospital.run(run, lambda news: tell(f"{what}: {news}"))

    async def count(self) -> Counted:
        """Counts on the whole server and broker."""
        connection = await asyncpg.connect(self.stack.postgres.dsn())
        try:
            row = await connection.fetchrow(COMMITS)
        finally:
            await connection.close()
        assert row is not None
        return Counted(row[0], row[1], await asyncio.to_thread(self._messages))

    def _messages(self) -> int:
        client = admin_client(self.stack.kafka.bootstrap, self.stack.kafka.credentials(ADMIN))
        topics = client.list_topics(timeout=10).topics
        ends = {
            TopicPartition(name, number): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for name, topic in topics.items()
            if not name.startswith("_")
            for number in topic.partitions
        }
        return sum(future.result(10).offset for future in client.list_offsets(ends).values())

    @property
    def processes(self) -> list[str]:
        """The services' processes, with every worker."""
        further = [name for name in self.stack.pids if "-worker-" in name]
        return [*PROCESSES, *further]

    @property
    def url(self) -> str:
        """The URL for deposits."""
        return f"{self.stack.url('records')}/fhir"

    def pids(self, names: list[str]) -> Mapping[str, int]:
        """Returns the process ids of these processes, the servers and the mail catcher."""
        return {name: self.stack.pids[name] for name in [*names, "postgres", "kafka", "smtp"]}


@dataclass(frozen=True)
class Measured:
    """Figures, and the total duration."""

    figures: Figures
    elapsed: float


def summarise(
    load: Load,
    results: list[Result],
    journeys_by_id: Mapping[str, Journey],
    before: Moment,
    after: Moment,
    work: Work,
) -> Figures:
    """Returns the figures from the data collected during a run."""
    good = [(result, journeys_by_id[id]) for result in results if (id := result.document_id or "") in journeys_by_id]
    start = min((result.scheduled for result in results), default=0.0)
    last = max((journey.alerted or start for _, journey in good), default=start)
    return Figures(
        documents=len(good),
        failed=sum(result.status not in (200, 201) for result in results),
        offered=load.rate,
        sustained=round(len(good) / (last - start), 1) if last > start else 0.0,
        latencies=latencies(good),
        cpu=costs.spent(before, after),
        idle={},
        memory={name: (usage.resident, usage.peak) for name, usage in after.usages.items()},
        work=work,
        others=costs.by_others(before, after),
    )


def latencies(good: list[tuple[Result, Journey]]) -> dict[str, Latency]:
    """Returns the latencies of each step that was reached."""
    steps = {
        "deposit -> answered": [result.answered - result.scheduled for result, _ in good],
        "received -> decided": [j.decided - j.received for _, j in good if j.decided],
        "decided -> published": [j.published - j.decided for _, j in good if j.published and j.decided],
        "published -> audited": [j.audited - j.published for _, j in good if j.audited and j.published],
        "published -> alert handled": [j.alerted - j.published for _, j in good if j.alerted and j.published],
        "deposit -> alert handled": [j.alerted - result.scheduled for result, j in good if j.alerted],
    }
    return {step: Latency.of(sample) if sample else Latency(0, 0, 0, 0, 0) for step, sample in steps.items()}


def shortcomings(results: list[Result], journeys_by_id: Mapping[str, Journey]) -> list[str]:
    """Returns notes that qualify the figures."""
    notes = []
    refused = [result for result in results if result.status not in (200, 201)]
    if refused:
        notes.append(f"not accepted: {len(refused)}, the first: {refused[0].status} {refused[0].problem}")
    if unsent := sum(journey.alert != "sent" for journey in journeys_by_id.values()):
        notes.append(f"alerts that were not sent: {unsent}")
    return notes


@asynccontextmanager
async def bench(
    loads: Sequence[Load], records: int, make: MakeStack = Stack
) -> AsyncIterator[tuple[Bench, Depositing]]:
    """Yields a bench with everything started, records open and bodies built."""
    async with AsyncExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="dmp-bench-")))
        folder.chmod(0o711)  # noqa: ASYNC240  # PostgreSQL's user must pass when we are root
        statements.preload()
        stack = await resources.enter_async_context(make(folder / "var", report=print_progress))
        made = Bench(stack, folder, loads)
        hospital = await resources.enter_async_context(Hospital(stack))
        software = await hospital.register()
        persons = await hospital.open_records(records, tell)
        process = await resources.enter_async_context(depositing(folder / "results.jsonl"))
        order = Order(
            token_url=f"{stack.url('identity')}/oauth/token",
            client_id=software.client_id,
            jwk=software.key.as_dict(private=True),
            persons=[person.number for person in persons],
            count=WARM_UP + sum(load.count for load in loads),
            seed=20261122,
            bodies=str(folder / "bodies.bin"),
            results=str(folder / "results.jsonl"),
        )
        await process.prepare(order, tell)
        yield made, process
