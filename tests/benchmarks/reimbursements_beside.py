"""An import of reimbursements beside deposits: latency of the deposits with and without it, and its own rate.

.venv/bin/python tests/benchmarks/reimbursements_beside.py [--rate 40] [--seconds 30] [--lines 400000]

Everything runs in a temporary folder, beside the load generator: an open loop, latency counted from the time at which a
deposit was due. First deposits alone, then the same while an import takes a day's file in a process of its own.
"""

import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import typer

from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from shared.runtime import clock
from tests.benchmarks.overload import Overloading, running
from tests.infra.load.documents import Person
from tests.infra.load.mixed_load import DEPOSIT, Phase, Sample
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.waiting import eventually
from tests.infra.records.hospital import token_of
from tests.infra.records.reimbursement_files import Fields, a_line, write_csv

ROOT = Path(__file__).resolve().parents[2]
TAKEN = 'select coalesce(max("row"), 0) from reimbursement_files'
HAS_BEGUN = 'select true from reimbursement_files where "row" > 0'


@dataclass(frozen=True)
class Figures:
    """Latencies of the deposits in milliseconds, alone and beside the import; the lines per second of the import."""

    alone: list[float]
    beside: list[float]
    refused: int
    lines_per_s: float


def day_file(persons: list[Person], lines: int) -> Iterator[Fields]:
    """Yields the lines of a day about these persons."""
    day = (clock.now().date() - timedelta(days=20)).isoformat()
    for number in range(lines):
        person, sheet = persons[number % len(persons)], f"S-{number:09}"
        yield a_line(person, 1, sheet=sheet, care_from=day, care_to=day)


async def deposits(run: Overloading, rate: float, seconds: float) -> list[Sample]:
    """Deposits at this rate; returns the samples."""
    token = await token_of(run.client, run.stack.url("identity"), run.software)
    return await run.generator.send(Phase({DEPOSIT: 1.0}, {DEPOSIT: [token]}, time.time() + 0.2, [(rate, seconds)]))


async def measure(folder: Path, rate: float, seconds: float, lines: int) -> Figures:
    """Deposits alone, then beside the import."""
    async with running(folder, 2 * seconds) as run:
        tell(f"writing {lines:,} lines")
        file = await asyncio.to_thread(write_csv, folder / "day.csv", day_file(run.persons, lines))
        await deposits(run, rate, 5.0)
        tell(f"{rate:g} deposits/s alone")
        alone = await deposits(run, rate, seconds)
        tell("beside the import")
        process = await _import(run, file)
        connection = await asyncpg.connect(run.stack.postgres.dsn("records"))
        await eventually(lambda: connection.fetchval(HAS_BEGUN))  # it compares the file with its frame first
        before, began = await connection.fetchval(TAKEN), time.monotonic()
        beside = await deposits(run, rate, seconds)
        taken = await connection.fetchval(TAKEN) - before
        lines_per_s = taken / (time.monotonic() - began)
        process.kill()
        await process.wait()
        await connection.close()
    accepted = [sample for sample in beside if sample.status == 200]
    tell(f"answers: alone {Counter(s.status for s in alone)}, beside {Counter(s.status for s in beside)}")
    undisturbed = [sample for sample in alone if sample.status == 200]
    return Figures(latencies_of(undisturbed), latencies_of(accepted), len(beside) - len(accepted), lines_per_s)


async def _import(run: Overloading, file: Path) -> asyncio.subprocess.Process:
    rings = keyrings_of(Secrets.load(run.stack.layout.secrets), "records")
    settings = {
        "POSTGRES__DSN": run.stack.postgres.dsn("records"),
        "KAFKA__BOOTSTRAP": run.stack.kafka.bootstrap,
        "TOKENS__ISSUER": run.stack.url("identity"),
        "TOKENS__JWKS_URL": f"{run.stack.url('identity')}/.well-known/jwks.json",
        **{f"KEYS__{name.upper()}": ring for name, ring in rings.items()},
    }
    environment = {**os.environ, **{f"RECORDS_{name}": value for name, value in settings.items()}}
    command = (sys.executable, "-m", "services.records", "import-reimbursements", str(file))
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL)


def latencies_of(samples: list[Sample]) -> list[float]:
    """Returns the milliseconds from the time at which each request was due to its answer."""
    return [1000 * (sample.answered - sample.due) for sample in samples]


def main(
    rate: Annotated[float, typer.Option(help="Deposits per second.", min=1)] = 40,
    seconds: Annotated[float, typer.Option(help="Length of each phase.", min=5)] = 30,
    lines: Annotated[int, typer.Option(help="Lines of the file; it must outlast a phase.", min=50_000)] = 400_000,
) -> None:
    """Measure deposits beside an import of reimbursements."""
    figures = run_in_folder("beside", lambda folder: measure(folder, rate, seconds, lines))
    for name, latencies in (("alone", figures.alone), ("beside", figures.beside)):
        cuts = statistics.quantiles(latencies, n=100)
        print(f"{name:<7} p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms   {len(latencies)} deposits")
    ratio = statistics.quantiles(figures.beside, n=100)[98] / statistics.quantiles(figures.alone, n=100)[98]
    print(f"p99 beside the import: {ratio:.2f} of alone; {figures.refused} deposits refused")
    print(f"import: {figures.lines_per_s:,.0f} lines/s")
    print(f"load average {os.getloadavg()}")


if __name__ == "__main__":
    typer.run(main)
