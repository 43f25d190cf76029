"""A copy of a whole record: its rate, and the latency of reads and deposits of others with and without it.

.venv/bin/python tests/benchmarks/export.py [--documents 2000] [--rate 40] [--seconds 60] [--json FILE]

Everything runs in a temporary folder, beside the load generator: an open loop of reads and deposits, latency counted
from the time at which a request was due. One record is filled by SQL with invented documents, sealed as deposits seal
them: three quarters CDA of 60 to 140 KB, which compress well, one quarter PDF of noise, which does not. First its copy
is prepared and fetched alone, several times; then the others' requests run alone, and while one copy after another is
prepared and fetched, in turn, four times. MB are bytes of the archive: those of the documents, and what it adds.
"""

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import orjson
import typer

from deploy.local.demo.client import RefusedError, Session
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from services.records.documents.domain import sealed_contents
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault, WrappedKey
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.benchmarks.overload import Overloading, running
from tests.infra.load.documents import Person, make_content
from tests.infra.load.mixed_load import DEPOSIT, Phase, Sample
from tests.infra.platform import costs
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.waiting import eventually

SHARES: Final = {"read": 0.7, DEPOSIT: 0.3}
PAGE, ALONE, ROUNDS = 250, 3, 4
GOAL_MB_PER_S, GOAL_RATIO = 50.0, 1.2
MODEL = """
select d.id, c.metadata, k.kid, k.wrapped
from documents d join contents c on c.bucket = d.bucket and c.document_id = d.id
join record_keys k on k.bucket = d.bucket and k.record_id = d.record_id
where d.bucket = $1 and d.record_id = $2 and d.status = 'published' limit 1"""
COPY_DOCUMENTS = """
insert into documents
select (jsonb_populate_record(model, jsonb_build_object('id', new.id, 'unique_id', '\\x' || md5(new.id::text)))).*
from documents model, unnest($3::uuid[]) as new(id) where model.bucket = $1 and model.id = $2"""
COPY_COMBINATIONS = """
insert into document_combinations
select (jsonb_populate_record(model, jsonb_build_object('document_id', new.id))).*
from document_combinations model, unnest($3::uuid[]) as new(id) where model.bucket = $1 and model.document_id = $2
on conflict do nothing"""


@dataclass(frozen=True)
class Copy:
    """A copy: bytes of its archive, seconds until it was ready, seconds until it was fetched."""

    size: int
    prepared_s: float
    fetched_s: float

    @property
    def mb_per_s(self) -> float:
        """Megabytes a second, from its beginning to its last byte."""
        return self.size / 1e6 / (self.prepared_s + self.fetched_s)


@dataclass(frozen=True)
class Figures:
    """Copies alone and beside the others' requests; latencies of these in ms, alone and beside copies.

    `cpu`: seconds of CPU of each process during the copies alone. `others`: the share of the machine that others used
    then. `pace`: milliseconds of a fixed piece of work before and after them.
    """

    copies: list[Copy]
    cpu: dict[str, float]
    others: float
    pace: tuple[float, float]
    beside_copies: list[Copy]
    alone: list[float]
    beside: list[float]
    refused: int

    @property
    def mb_per_s(self) -> float:
        """The median rate of a copy alone."""
        return statistics.median(copy.mb_per_s for copy in self.copies)

    @property
    def megabytes(self) -> float:
        """What was copied alone."""
        return sum(copy.size for copy in self.copies) / 1e6

    @property
    def ratio(self) -> float:
        """p99 beside copies over p99 alone."""
        return _p99(self.beside) / _p99(self.alone)

    def as_json(self) -> dict[str, Any]:
        """Returns the figures for a file."""
        return {
            "mb_per_s": self.mb_per_s,
            "ratio": self.ratio,
            "p99_ms": [_p99(self.alone), _p99(self.beside)],
            "cpu_s_per_100_mb": self.cpu_per_100_mb(),
            "others": self.others,
            "pace": self.pace,
        }

    def cpu_per_100_mb(self) -> dict[str, float]:
        """Returns the seconds of CPU that each process spends on 100 MB, those alone that spend any."""
        spent = {name: 100 * cpu / self.megabytes for name, cpu in self.cpu.items()}
        return {name: round(cpu, 3) for name, cpu in spent.items() if cpu >= 0.005}


def contents(person: Person, count: int) -> Iterator[bytes]:
    """Yields the contents of invented documents."""
    chance = random.Random(20261130)
    for number in range(count):
        size = chance.randint(60_000, 140_000)
        if number % 4:
            yield make_content(chance, person, UUID(int=chance.getrandbits(128), version=4), size, clock.now())
        else:
            yield b"%PDF-1.7\n" + chance.randbytes(size)


async def fill(run: Overloading, person: Person, count: int) -> None:
    """Fills the person's record with so many documents, like one that is there."""
    assert person.record_id is not None
    record, bucket = person.record_id, bucket_of(person.record_id)
    vault = Vault(Keyring.parse(keyrings_of(Secrets.load(run.stack.layout.secrets), "records")["kek"]))
    connection = await asyncpg.connect(run.stack.postgres.dsn("records"))
    try:
        model = await connection.fetchrow(MODEL, bucket, record)
        assert model is not None
        key = vault.unwrap(record, WrappedKey(model["kid"], model["wrapped"]))
        metadata = sealed_contents.open_metadata(key, model["id"], model["metadata"])
        bodies = contents(person, count)
        for start in range(0, count, PAGE):
            page = {clock.new_id(bucket): next(bodies) for _ in range(min(PAGE, count - start))}
            for statement in (COPY_DOCUMENTS, COPY_COMBINATIONS):
                await connection.execute(statement, bucket, model["id"], list(page))
            rows = [
                (
                    bucket,
                    id,
                    sealed_contents.seal_metadata(key, id, metadata.model_copy(update={"size": len(body)})),
                    sealed_contents.seal_content(key, id, body),
                )
                for id, body in page.items()
            ]
            columns = ["bucket", "document_id", "metadata", "content"]
            await connection.copy_records_to_table("contents", records=rows, columns=columns)
        await connection.execute("analyze")
    finally:
        await connection.close()


async def take_copy(session: Session, record: UUID) -> Copy:
    """Begins a copy, waits until it is ready, fetches it to nowhere, deletes it."""
    path = f"/records/{record}/export"
    began = time.monotonic()
    await session.call("POST", "records", path)

    async def is_ready() -> bool:
        progress: dict[str, Any] = (await session.call("GET", "records", path)).json()
        return bool(progress["state"] == "ready")

    await eventually(is_ready)
    ready, size = time.monotonic(), 0
    headers = {"authorization": f"Bearer {await session.token()}"}
    url = f"{session.urls['records']}{path}/file"
    async with session.http.stream("GET", url, headers=headers, timeout=120) as answer:
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            size += len(piece)
    fetched = time.monotonic()
    await session.call("DELETE", "records", path)
    return Copy(size, ready - began, fetched - ready)


@asynccontextmanager
async def taking_copies(session: Session, record: UUID) -> AsyncIterator[list[Copy]]:
    """Takes one copy after another while the block runs; yields the list of those that were taken whole."""
    taken: list[Copy] = []

    async def take() -> None:
        while True:
            taken.append(await take_copy(session, record))

    taking = asyncio.create_task(take())
    try:
        yield taken
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        with suppress(RefusedError):  # there is none any more
            await session.call("DELETE", "records", f"/records/{record}/export")


async def live(run: Overloading, rate: float, seconds: float) -> list[Sample]:
    """Runs the others' requests; returns the samples."""
    requests = await run.requests()
    return await run.generator.send(Phase(SHARES, requests, time.time() + 0.2, [(rate, seconds)]))


async def measure(folder: Path, documents: int, rate: float, seconds: float) -> Figures:
    """Copies alone, then the others' requests alone and beside copies, in turn."""
    async with running(folder, 3 * seconds) as run:
        tell("depositing what will be read")
        await run.deposit_first()
        person = run.persons[0]
        tell(f"filling a record with {documents:,} documents")
        await fill(run, person, documents)
        assert person.record_id is not None
        session = run.dmp.patient(person.record_id)
        tell("copies alone")
        before, pace = costs.look(run.stack.pids), costs.pace()
        copies = [await take_copy(session, person.record_id) for _ in range(ALONE)]
        after, later = costs.look(before.pids), costs.pace()
        cpu, others = costs.spent(before, after), costs.by_others(before, after)
        await live(run, rate, 5.0)
        alone, beside, beside_copies = [], [], []
        for number in range(1, ROUNDS + 1):
            tell(f"{rate:g} requests/s alone, then beside copies: {number} of {ROUNDS}")
            alone += await live(run, rate, seconds / ROUNDS)
            async with taking_copies(session, person.record_id) as taken:
                beside += await live(run, rate, seconds / ROUNDS)
            beside_copies += taken
    accepted = [sample for sample in beside if sample.status < 400]
    undisturbed = [sample for sample in alone if sample.status < 400]
    refused = len(beside) - len(accepted)
    latencies = latencies_of(undisturbed), latencies_of(accepted)
    return Figures(copies, cpu, others, (pace, later), beside_copies, *latencies, refused)


def latencies_of(samples: Sequence[Sample]) -> list[float]:
    """Returns the milliseconds from the time at which each request was due to its answer."""
    return [1000 * (sample.answered - sample.due) for sample in samples]


def _p99(latencies: Sequence[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98]


def _print(figures: Figures) -> None:
    for name, copies in (("alone", figures.copies), ("beside", figures.beside_copies)):
        for copy in copies:
            print(
                f"copy {name:<6} {copy.size / 1e6:7.1f} MB   prepared {copy.prepared_s:5.2f} s   "
                f"fetched {copy.fetched_s:5.2f} s   {copy.mb_per_s:6.1f} MB/s"
            )
    for name, latencies in (("alone", figures.alone), ("beside", figures.beside)):
        p50 = statistics.median(latencies)
        print(f"requests {name:<6} p50 {p50:6.1f} ms   p99 {_p99(latencies):6.1f} ms   {len(latencies)}")
    costs_of_100 = figures.cpu_per_100_mb()
    print(f"CPU of 100 MB: {sum(costs_of_100.values()):.2f} s: {costs_of_100}")
    print(f"others used {figures.others:.0%} of the machine; a fixed piece of work took {figures.pace} ms")
    print(f"rate: {figures.mb_per_s:.1f} MB/s (goal {GOAL_MB_PER_S:g}), {len(figures.beside_copies)} copies beside")
    print(f"p99 beside copies: {figures.ratio:.2f} of alone (goal {GOAL_RATIO:g}); {figures.refused} refused")
    print(f"load average {os.getloadavg()}")


def main(
    documents: Annotated[int, typer.Option(help="Documents of the record.", min=100)] = 2000,
    rate: Annotated[float, typer.Option(help="Requests of others per second.", min=1)] = 40,
    seconds: Annotated[float, typer.Option(help="How long they run alone, and beside copies.", min=20)] = 60,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure copies of a record, and others' requests beside them."""
    figures = run_in_folder("export", lambda folder: measure(folder, documents, rate, seconds))
    _print(figures)
    if json is not None:
        json.write_bytes(orjson.dumps(figures.as_json()))


if __name__ == "__main__":
    typer.run(main)
