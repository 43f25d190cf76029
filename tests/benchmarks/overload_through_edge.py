"""Records' API at one, two and four times its capacity, directly and through the edge: accepted requests, none lost.

.venv/bin/python tests/benchmarks/overload_through_edge.py [--seconds 20]

Everything runs in a temporary folder, on the loopback: the installation, Envoy before it, and two load generators with
the mix of `overload.py`, one of which speaks TLS with the edge. The edge's rate of one address is lifted: all requests
come from one. The capacity is the best of three closed loops of 16, directly. Each phase is followed by a wait until
every accepted deposit is published, in the ledger, and its alert handled.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer

from tests.benchmarks.overload import (
    CAPACITY_RUNS,
    SHARES,
    Generator,
    Overloading,
    Target,
    generating,
    running,
)
from tests.benchmarks.overload_figures import REFUSED, Times
from tests.infra.edge.running_edge import DOMAIN, running_edge
from tests.infra.load.mixed_load import DEPOSIT, Phase, Sample
from tests.infra.messaging.flow import wait_complete
from tests.infra.platform.commands import run_in_folder, tell

LOADS: Final = (1.0, 2.0, 4.0)
UNLIMITED: Final = {"requests_per_s": 1_000_000, "burst": 1_000_000}


@dataclass(frozen=True)
class Measured:
    """The samples of a phase: its load in times of the capacity, the way the requests took, and its seconds."""

    times: float
    way: str
    seconds: float
    samples: list[Sample]

    @property
    def goodput(self) -> float:
        """The accepted requests per second."""
        return len(self.accepted) / self.seconds

    @property
    def accepted(self) -> list[Sample]:
        """The samples that were answered 2xx."""
        return [sample for sample in self.samples if 200 <= sample.status < 300]

    def line(self) -> str:
        """Returns the figures of the phase in words."""
        took, refused = Times.of(self.accepted), [s for s in self.samples if s.status in REFUSED]
        others = Counter(s.status for s in self.samples if s not in refused and not 200 <= s.status < 300)
        return (
            f"{self.times:g}x {self.way:<6} sent {len(self.samples) / self.seconds:6.1f}/s, accepted "
            f"{self.goodput:6.1f}/s, refused {len(refused)} ({sum(s.says_when for s in refused)} with Retry-After), "
            f"others {dict(others)}, accepted p50 {took.p50} ms, p99 {took.p99} ms"
        )


async def send(run: Overloading, generator: Generator, rate: float, seconds: float) -> list[Sample]:
    """Sends at a rate, and waits until every deposit that was accepted is handled. Raises StalledError."""
    requests, start = await run.requests(), time.time() + 0.2
    samples = await generator.send(Phase(SHARES, requests, start, [(rate, seconds)]))
    accepted = sum(sample.kind == DEPOSIT and sample.status == 200 for sample in samples)
    await wait_complete(run.stack, start, accepted, tell)
    return samples


async def measure(folder: Path, seconds: float) -> list[Measured]:
    """Measures each load both ways, one after the other."""
    async with running(folder, len(LOADS) * seconds) as run:
        address = run.stack.url("records").removeprefix("http://")
        async with running_edge(folder, {"records": address}, limits=UNLIMITED) as edge:
            target = Target(
                f"https://127.0.0.1:{edge.settings.https_port}", f"records.{DOMAIN}", str(edge.authority.file)
            )
            count = int(60 * seconds * len(LOADS))
            async with generating(run.stack, folder, run.persons, count, seed=20261201, target=target) as through:
                await run.deposit_first()
                capacity = max([await run.capacity() for _ in range(CAPACITY_RUNS)])
                tell(f"capacity: {capacity:.0f} requests/s")
                measured = []
                for times in LOADS:
                    for way, generator in (("direct", run.generator), ("edge", through)):
                        samples = await send(run, generator, times * capacity, seconds)
                        measured.append(Measured(times, way, seconds, samples))
                        tell(measured[-1].line())
                return measured


def main(seconds: Annotated[float, typer.Option(help="Length of each phase.", min=2)] = 20) -> None:
    """Measure what of an overload's goodput the edge leaves."""
    measured = run_in_folder("overload-edge", lambda folder: measure(folder, seconds))
    for direct, edge in zip(measured[::2], measured[1::2], strict=True):
        print(direct.line(), edge.line(), sep="\n")
        print(f"{direct.times:g}x: goodput through the edge {edge.goodput / direct.goodput:.2f} of the direct one")


if __name__ == "__main__":
    typer.run(main)
