"""What a document costs beside few and beside many stored ones.

python tests/benchmarks/growth.py [--stored 20000 --stored 200000 --stored 2000000] [--rate 60] [--seconds 15]
[--samples 3]

Starts everything in a temporary folder, as `tests/benchmarks/main_job.py` does, and deposits at the rate until each
document is published, audited and alerted. Between the loads the databases are filled by SQL (see
`tests/benchmarks/filling.py`) up to each number of documents. The cost is CPU of all services, PostgreSQL and Kafka,
per document, the median of the samples; the growth is that beside the most over that beside the fewest. 2,000,000
documents take about 20 GB and a quarter of an hour on two cores.
"""

import contextlib
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console
from rich.table import Table

from tests.benchmarks.bench import Load, bench
from tests.benchmarks.figures import ASIDE, Figures
from tests.benchmarks.filling import Filling
from tests.infra.platform.commands import run_command, tell

STORED = [20_000, 200_000, 2_000_000]
RECORDS = 200


@dataclass(frozen=True)
class Grown:
    """The samples beside a number of stored documents."""

    stored: int
    samples: list[Figures]

    @property
    def cost(self) -> float:
        """Milliseconds of CPU per document, the median of the samples."""
        return statistics.median(figures.cost for figures in self.samples)

    def cost_of(self, process: str) -> float:
        """Milliseconds of CPU of one process per document, the median of the samples."""
        return statistics.median(figures.per_document(figures.cpu[process]) for figures in self.samples)


async def measure(stored: list[int], rate: float, seconds: float, samples: int) -> list[Grown]:
    """Fills and measures in turn, the smallest number first."""
    loads = [Load(rate, seconds)] * (1 + len(stored) * samples)
    async with bench(loads, RECORDS) as (made, hospital):
        await made.warm_up(hospital)
        filling = Filling(made.stack, tell)
        await filling.begin()
        grown, waiting = [], iter(range(1, len(loads)))
        await made.measure_load(hospital, 0)
        for number in sorted(stored):
            await filling.fill(number)
            figures = [(await made.measure_load(hospital, next(waiting))).figures for _ in range(samples)]
            grown.append(Grown(number, figures))
            tell(f"beside {number:,} documents: {grown[-1].cost:.2f} ms of CPU a document")
        return grown


def main(
    stored: Annotated[list[int], typer.Option(help="Documents that are stored; several in turn.", min=1)] = STORED,
    rate: Annotated[float, typer.Option(help="Documents per second.", min=1)] = 60,
    seconds: Annotated[float, typer.Option(help="How long each sample deposits.", min=1)] = 15,
    samples: Annotated[int, typer.Option(help="Samples beside each number.", min=1)] = 3,
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure what a document costs beside more and more stored ones."""
    grown = run_command(measure(stored, rate, seconds, samples))
    show(Console(width=110), grown)
    if json is not None:
        whole = [{"stored": each.stored, "samples": [sample.as_json() for sample in each.samples]} for each in grown]
        json.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


def show(console: Console, grown: list[Grown]) -> None:
    """Prints the cost of each process beside each number, and the growth."""
    table = Table("process, ms of CPU a document")
    for each in grown:
        table.add_column(f"{each.stored:,} stored", justify="right")
    table.add_column("growth", justify="right")
    for process in (name for name in grown[0].samples[0].cpu if name not in ASIDE):
        costs = [each.cost_of(process) for each in grown]
        table.add_row(process, *(f"{cost:.2f}" for cost in costs), _ratio(costs))
    table.add_section()
    costs = [each.cost for each in grown]
    table.add_row("all", *(f"{cost:.2f}" for cost in costs), _ratio(costs))
    speeds = [statistics.median(figures.sustained for figures in each.samples) for each in grown]
    table.add_row("documents/s", *(f"{speed:.0f}" for speed in speeds), "")
    paces = [statistics.median(sum(figures.pace) / 2 for figures in each.samples) for each in grown]
    table.add_row("a fixed piece of work, ms", *(f"{pace:.1f}" for pace in paces), _ratio(paces))
    others = [statistics.median(figures.others for figures in each.samples) for each in grown]
    table.add_row("others used of the machine", *(f"{share:.0%}" for share in others), "")
    console.print(table)


def _ratio(costs: list[float]) -> str:
    return f"{costs[-1] / costs[0]:.2f}" if costs[0] >= 0.05 else ""


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
