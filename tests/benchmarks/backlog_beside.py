"""A hospital's backlog beside the deposits of others: latency of theirs with and without it, and its own rate.

.venv/bin/python tests/benchmarks/backlog_beside.py [--rate 40] [--seconds 30] [--at-once 16] [--interactive]

Everything runs in a temporary folder, beside the load generators. The deposits of others are an open loop, latency
counted from the time at which a deposit was due: first alone, then while software registered as bulk sends its backlog
in a closed loop. With --interactive that software is registered like any other, which shows what its lane is for.
"""

import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer

from tests.benchmarks.overload import Generator, Overloading, generating, running
from tests.benchmarks.reimbursements_beside import deposits, latencies_of
from tests.infra.load.mixed_load import DEPOSIT, Phase, Sample
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.records.hospital import token_of


@dataclass(frozen=True)
class Figures:
    """The samples of the deposits alone and beside the backlog, and those of the backlog, which took `seconds`."""

    alone: list[Sample]
    beside: list[Sample]
    backlog: list[Sample]
    seconds: float


async def send_backlog(
    run: Overloading, generator: Generator, token: str, at_once: int, seconds: float
) -> list[Sample]:
    """Sends documents in a closed loop, so many at a time; returns the samples."""
    phase = Phase({DEPOSIT: 1.0}, {DEPOSIT: [token]}, time.time() + 0.2, at_once=at_once, seconds=seconds)
    return await generator.send(phase)


async def measure(folder: Path, rate: float, seconds: float, at_once: int, client_class: str) -> Figures:
    """Deposits alone, then beside the backlog."""
    async with (
        running(folder, 2 * seconds) as run,
        generating(run.stack, folder, run.persons, int(100 * seconds), seed=20261129) as generator,
    ):
        backlog = await run.hospital.register("reprise", client_class)
        token = await token_of(run.client, run.stack.url("identity"), backlog)
        await deposits(run, rate, 5.0)
        tell(f"{rate:g} deposits/s alone")
        alone = await deposits(run, rate, seconds)
        tell(f"beside the backlog, {at_once} at a time")
        beside, sent = await asyncio.gather(
            deposits(run, rate, seconds), send_backlog(run, generator, token, at_once, seconds)
        )
    return Figures(alone, beside, sent, seconds)


def show(name: str, samples: list[Sample]) -> float:
    """Prints the latencies of those accepted; returns their p99 in milliseconds."""
    accepted = latencies_of([sample for sample in samples if sample.status == 200])
    cuts = statistics.quantiles(accepted, n=100)
    answers = dict(Counter(sample.status for sample in samples))
    print(f"{name:<7} p50 {cuts[49]:7.1f} ms   p99 {cuts[98]:7.1f} ms   answers {answers}")
    return cuts[98]


def main(
    rate: Annotated[float, typer.Option(help="Deposits of others per second.", min=1)] = 40,
    seconds: Annotated[float, typer.Option(help="Length of each phase.", min=5)] = 30,
    at_once: Annotated[int, typer.Option(help="Requests of the backlog at a time.", min=1)] = 16,
    interactive: Annotated[bool, typer.Option("--interactive", help="Register the backlog's software as any.")] = False,
) -> None:
    """Measure deposits beside a hospital's backlog."""
    client_class = "interactive" if interactive else "bulk"
    figures = run_in_folder("backlog", lambda folder: measure(folder, rate, seconds, at_once, client_class))
    alone, beside = show("alone", figures.alone), show("beside", figures.beside)
    show("backlog", figures.backlog)
    accepted = sum(sample.status == 200 for sample in figures.backlog)
    print(f"p99 beside the backlog: {beside / alone:.2f} of alone; the backlog: {accepted / figures.seconds:.1f}/s")
    print(f"load average {os.getloadavg()}")


if __name__ == "__main__":
    typer.run(main)
