"""What a document costs with 1, 2 and 4 partitions of each topic and as many workers of each service.

python tests/benchmarks/partitions.py [--workers 1 --workers 2 --workers 4] [--rate 60] [--seconds 15] [--samples 3]

Starts an installation in a temporary folder for each number, with topics of so many partitions (a topic that has fewer
on one machine keeps them), and deposits at the rate, then as fast as it goes, until each document is published,
audited and alerted. Two cores do not show how many documents more workers handle; they show what dividing the same
work costs: CPU of all processes per document, the median of the samples.
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
from tests.benchmarks.figures import Figures
from tests.benchmarks.many_workers import ManyWorkers
from tests.infra.platform.commands import run_command, tell

COUNTS = [1, 2, 4]
RECORDS = 200


@dataclass(frozen=True)
class Divided:
    """The samples with so many partitions and workers of each service: at the rate, then as fast as it goes."""

    workers: int
    paced: list[Figures]
    fast: list[Figures]


async def measure(workers: list[int], rate: float, seconds: float, samples: int) -> list[Divided]:
    """Measures each number on an installation of its own."""
    loads = [Load(rate, seconds)] * (1 + samples) + [Load(None, seconds)] * samples
    divided = []
    for count in workers:
        tell(f"with {count} partitions and {count} workers of each service")
        async with bench(loads, RECORDS, ManyWorkers(count)) as (made, hospital):
            await made.warm_up(hospital)
            figures = [(await made.measure_load(hospital, number)).figures for number in range(len(loads))]
        divided.append(Divided(count, figures[1 : 1 + samples], figures[1 + samples :]))
    return divided


def main(
    workers: Annotated[list[int], typer.Option(help="Partitions, and workers of each service.", min=1)] = COUNTS,
    rate: Annotated[float, typer.Option(help="Documents per second.", min=1)] = 60,
    seconds: Annotated[float, typer.Option(help="How long each sample deposits.", min=1)] = 15,
    samples: Annotated[int, typer.Option(help="Samples of each load.", min=1)] = 3,
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure what dividing the work among partitions and workers costs."""
    divided = run_command(measure(workers, rate, seconds, samples))
    console = Console(width=110)
    show(console, f"{rate:g}/s", [(each.workers, each.paced) for each in divided])
    show(console, "as fast as it goes", [(each.workers, each.fast) for each in divided])
    if json is not None:
        whole = [
            {
                "workers": each.workers,
                "paced": [sample.as_json() for sample in each.paced],
                "fast": [sample.as_json() for sample in each.fast],
            }
            for each in divided
        ]
        json.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


def show(console: Console, load: str, divided: list[tuple[int, list[Figures]]]) -> None:
    """Prints the cost of each kind of process with each number of workers."""
    table = Table(f"{load}: ms of CPU a document")
    for workers, _ in divided:
        table.add_column(f"{workers} of each", justify="right")
    table.add_column("last / first", justify="right")
    costs = [_costs(samples) for _, samples in divided]
    for kind in costs[0]:
        table.add_row(kind, *(f"{cost[kind]:.2f}" for cost in costs), f"{costs[-1][kind] / costs[0][kind]:.2f}")
    for name, value in (
        ("documents/s", lambda sample: sample.sustained),
        ("messages a document", lambda sample: sample.work.messages),
        ("commits a document", lambda sample: sample.work.commits),
        ("a fixed piece of work, ms", lambda sample: sum(sample.pace) / 2),
        ("others used of the machine, %", lambda sample: 100 * sample.others),
    ):
        values = [statistics.median(map(value, samples)) for _, samples in divided]
        table.add_row(name, *(f"{each:.1f}" for each in values), f"{values[-1] / values[0]:.2f}" if values[0] else "")
    console.print(table)


def _costs(samples: list[Figures]) -> dict[str, float]:
    """Returns milliseconds of CPU per document by kind of process, the medians of the samples, and of all."""
    kinds = ("api", "worker", "postgres", "kafka")
    costs = {
        kind: statistics.median(
            sample.per_document(sum(cpu for name, cpu in sample.cpu.items() if kind in name.split("-")))
            for sample in samples
        )
        for kind in kinds
    }
    return costs | {"all": statistics.median(sample.cost for sample in samples)}


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
