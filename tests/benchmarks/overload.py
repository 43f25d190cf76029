"""The API of records under several times its capacity: refused requests, latency of accepted ones, recovery.

.venv/bin/python tests/benchmarks/overload.py [--seconds 60] [--times 4] [--settle 60] [--json FILE]

Everything runs in a temporary folder, on the loopback, beside the load generator (`tests.infra.load.mixed_load`): one
process, an open loop, latency counted from the time at which a request was due. The mix is constant: emergencies (a
doctor breaks the glass and reads), changes (a patient masks and unmasks), reads (content and searches by patients),
deposits (CDA of 20 to 100 KB) and bulk (what-if). First the capacity is measured, the best of three closed loops of 16;
then "unloaded", a fifth of the capacity; then several times the capacity, followed at once by a fifth of it, in which
the recovery is looked for.
"""

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import httpx2
import orjson
import typer

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.demo.credentials import PROFESSIONALS, SECOND_DOCTOR
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.terminology import oids
from shared.terminology.oids import INS_NIR_TEST
from tests.benchmarks.overload_figures import KINDS, Memory, Overload, print_figures
from tests.infra.load.documents import Person
from tests.infra.load.mixed_load import DEPOSIT, Phase, Sample, Script
from tests.infra.messaging.flow import wait_complete
from tests.infra.platform import costs
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.records.hospital import Hospital, Software, end, launch, token_of

SHARES = dict(zip(KINDS, (0.04, 0.06, 0.5, 0.3, 0.1), strict=True))
RECORDS, DOCUMENTS = 40, 400
AT_ONCE, EASY = 16, 0.2
CAPACITY_RUNS, CAPACITY_S, UNLOADED_S, RECOVERY_S = 3, 6.0, 30.0, 30.0
FORM, JSON, PATCH = "application/x-www-form-urlencoded", "application/json", "application/json-patch+json"
LABEL = {"coding": [{"system": oids.CONFIDENTIALITY_SYSTEM, "code": "N"}]}
MASK = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
UNMASK = [{"op": "replace", "path": "/securityLabel", "value": [LABEL]}]
PUBLISHED = "select id::text, record_id::text from documents where status = 'published' order by id"


@dataclass
class Generator:
    """The process that sends the requests."""

    process: asyncio.subprocess.Process
    results: Path
    cpu: float = 0.0

    async def prepare(self, script: Script) -> None:
        """Builds the bodies."""
        await self._ask(dataclasses.asdict(script), "ready")

    async def send(self, phase: Phase) -> list[Sample]:
        """Runs a phase and returns its samples."""
        done = await self._ask(dataclasses.asdict(phase), "done")
        self.cpu = done["cpu"]
        if done["used_up"]:
            tell(f"nothing left to send, so not sent: {done['used_up']}")
        lines = await asyncio.to_thread(lambda: self.results.read_bytes().splitlines())
        return [Sample(**orjson.loads(line)) for line in lines]

    async def _ask(self, what: dict[str, Any], event: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(orjson.dumps(what) + b"\n")
        await self.process.stdin.drain()
        answer: dict[str, Any] = orjson.loads(await self.process.stdout.readline() or b'{"event": "ended"}')
        if answer["event"] != event:
            raise RuntimeError("the load generator ended")
        return answer


@dataclass
class Overloading:
    """A running installation and its callers."""

    stack: Stack
    dmp: Dmp
    client: httpx2.AsyncClient
    hospital: Hospital
    software: Software
    persons: list[Person]
    generator: Generator

    async def requests(self) -> dict[str, list[Any]]:
        """Returns the requests of each kind, with tokens that are valid for at least two minutes."""
        connection = await asyncpg.connect(self.stack.postgres.dsn("records"))
        try:
            rows = [(row["id"], row["record_id"]) for row in await connection.fetch(PUBLISHED)][:DOCUMENTS]
        finally:
            await connection.close()
        records = [str(person.record_id) for person in self.persons]
        tokens = {record: await self.dmp.patient(record).token() for record in records}
        urgent = self.persons[0]  # an emergency token is for one record
        doctor = await self.dmp.professional(
            PROFESSIONALS[SECOND_DOCTOR].id,
            mode="bris_de_glace",
            motive="Unconscious, history unknown",
            patient=f"urn:oid:{INS_NIR_TEST}|{urgent.ins}",
        ).token()
        kept, changed = rows[::2], rows[1::2]
        urgent_documents = [id for id, record in kept if str(record) == str(urgent.record_id)]
        read = [["GET", f"/fhir/Binary/{id}", tokens[record], "", [""]] for id, record in kept]
        search = [
            [
                "POST",
                "/fhir/DocumentReference/_search",
                tokens[record],
                FORM,
                [f"patient={record}&status=current&_count=10"],
            ]
            for record in records
        ]
        labels = [orjson.dumps(change).decode() for change in (MASK, UNMASK)]
        return {
            "emergency": [["GET", f"/fhir/Binary/{id}", doctor, "", [""]] for id in urgent_documents],
            "change": [
                ["PATCH", f"/fhir/DocumentReference/{id}", tokens[record_id], PATCH, labels]
                for id, record_id in changed
            ],
            "read": read + search * (len(read) // len(search) // 2 or 1),
            DEPOSIT: [await token_of(self.client, self.stack.url("identity"), self.software)],
            "bulk": [
                ["POST", f"/records/{record_id}/what-if", tokens[record_id], JSON, [_what_if(id)]]
                for id, record_id in kept
            ],
        }

    async def deposit_first(self) -> None:
        """Deposits the documents that are read later."""
        token = await token_of(self.client, self.stack.url("identity"), self.software)
        start = time.time() + 0.1
        rate = 50.0
        stages = [(rate, DOCUMENTS / rate + 2)]
        samples = await self.generator.send(Phase({DEPOSIT: 1.0}, {DEPOSIT: [token]}, start, stages))
        await wait_complete(self.stack, start, sum(sample.status == 200 for sample in samples), tell)

    async def capacity(self) -> float:
        """Returns the accepted requests per second in a closed loop."""
        start = time.time() + 0.1
        phase = Phase(SHARES, await self.requests(), start, at_once=AT_ONCE, seconds=CAPACITY_S)
        samples = await self.generator.send(dataclasses.replace(phase, start_at=time.time() + 0.1))
        accepted = sum(200 <= sample.status < 300 for sample in samples)
        return accepted / (max(sample.answered for sample in samples) - min(sample.sent for sample in samples))

    async def at_rates(self, *stages: tuple[float, float]) -> tuple[float, list[Sample]]:
        """Runs these stages; returns their start and the samples."""
        requests = await self.requests()
        start = time.time() + 0.2
        return start, await self.generator.send(Phase(SHARES, requests, start, list(stages)))


async def measure(folder: Path, seconds: float, times: float, settle: float) -> Overload:
    """Starts everything, then runs one phase after another."""
    async with running(folder, seconds) as run:
        tell("depositing what will be read")
        await run.deposit_first()
        tell(f"capacity: {AT_ONCE} requests at once")
        capacity = max([await run.capacity() for _ in range(CAPACITY_RUNS)])
        easy = EASY * capacity
        tell(f"unloaded: {easy:.0f} of {capacity:.0f} requests/s")
        await asyncio.sleep(2)
        _, unloaded = await run.at_rates((easy, UNLOADED_S))
        memory = Memory(run.stack.pids["records-api"])
        watching = asyncio.create_task(memory.watch())
        before, pace = costs.look(run.stack.pids), costs.pace()
        tell(f"{times:g} times as much: {times * capacity:.0f} requests/s for {seconds:.0f} s, then {easy:.0f} again")
        start, samples = await run.at_rates((times * capacity, seconds), (easy, RECOVERY_S))
        after = costs.look(before.pids)
        spent = {**costs.spent(before, after), "load generator": run.generator.cpu}
        await asyncio.sleep(max(0.0, start + seconds + settle - time.time()))
        watching.cancel()
        memory.look()
        return Overload(capacity, times, start, seconds, unloaded, samples, memory, spent, pace, os.getloadavg())


@asynccontextmanager
async def running(folder: Path, seconds: float) -> AsyncIterator[Overloading]:
    """Starts an installation with records, a hospital and the load generator, with documents for so many seconds."""
    async with AsyncExitStack() as resources:
        stack = await resources.enter_async_context(Stack(folder / "var", report=print_progress))
        await bootstrap(stack.layout)
        dmp = await resources.enter_async_context(connect(endpoints.read(stack.layout)))
        hospital = await resources.enter_async_context(Hospital(stack))
        client = await resources.enter_async_context(httpx2.AsyncClient(timeout=30, trust_env=False))
        software = await hospital.register()
        persons = await hospital.open_records(RECORDS, tell)
        deposits = 2 * DOCUMENTS + int(80 * (seconds + CAPACITY_S * CAPACITY_RUNS + UNLOADED_S))
        generator = await resources.enter_async_context(generating(stack, folder, persons, deposits))
        yield Overloading(stack, dmp, client, hospital, software, persons, generator)


@dataclass(frozen=True)
class Target:
    """Where a load generator sends to; with authorities over TLS, under a name of its own."""

    url: str
    host: str = ""
    authorities: str = ""


@asynccontextmanager
async def generating(
    stack: Stack,
    folder: Path,
    persons: list[Person],
    deposits: int,
    *,
    seed: int = 20261122,
    target: Target | None = None,
) -> AsyncIterator[Generator]:
    """Runs a load generator that has built so many documents of these persons. `target`: by default records' API."""
    target = target or Target(stack.url("records"))
    streams = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await launch("tests.infra.load.mixed_load", **streams)
    try:
        generator = Generator(process, folder / f"results-{seed}.jsonl")
        numbers, bodies = [person.number for person in persons], folder / f"bodies-{seed}.bin"
        tell(f"building {deposits} documents")
        await generator.prepare(
            Script(
                target.url,
                numbers,
                deposits,
                seed,
                str(bodies),
                str(generator.results),
                authorities=target.authorities,
                host=target.host,
            )
        )
        yield generator
    finally:
        await end(process)


def _what_if(document_id: str) -> str:
    return orjson.dumps({"documents": [{"document_id": document_id, "change": "mask"}]}).decode()


def main(
    seconds: Annotated[float, typer.Option(help="How long the overload lasts.", min=5)] = 60,
    times: Annotated[float, typer.Option(help="How many times the capacity.", min=1)] = 4,
    settle: Annotated[float, typer.Option(help="Seconds after the overload at which memory is looked at.")] = 60,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure an API that gets more requests than it can handle."""
    figures = run_in_folder("overload", lambda folder: measure(folder, seconds, times, settle))
    print_figures(figures)
    if json is not None:
        json.write_bytes(orjson.dumps(figures.as_json()))


if __name__ == "__main__":
    typer.run(main)
