"""The main job under load: rates, latencies of each step, CPU and memory per process, against the same work by hand.

    python tests/benchmarks/main_job.py [--rate 40 | --fast] [--seconds 30] [--records 200] [--no-bare] [--json FILE]

Starts everything in a temporary folder (real PostgreSQL, Kafka, mail catcher, ten service processes), opens records,
warms up, measures what the same time costs when idle, then deposits invented CDA documents of 20 to 100 KB through
`POST /fhir` from a process of its own and waits until the last alert is handled. Then it stops the services and does
the same work by hand on the same PostgreSQL and Kafka (tests/benchmarks/bare.py says what that is).

With a rate the times of the deposits are fixed beforehand and latencies are counted from them. Times of steps are the
ones that the services themselves noted in their databases; "alert handled" is the time at which the mail server had
taken the mail. CPU is that of the whole process (or all of PostgreSQL's), from /proc, between the first scheduled
deposit and the moment at which everything is handled, tracked and audited; idle cost is in it.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console

from deploy.local.errors import LocalError
from deploy.local.running import Interrupted, run
from tests.benchmarks import bare_run, figures, profiling
from tests.benchmarks.bench import PROCESSES, Load, bench
from tests.benchmarks.figures import Figures
from tests.infra.flow import StalledError


async def measure(load: Load, with_bare: bool) -> tuple[Figures, Figures | None]:
    """Services, then the bare pipeline."""
    async with bench(load) as (made, hospital):
        ours = await made.measure_services(hospital)
        if not with_bare:
            return ours, None
        made.tell("stopping the services")
        try:
            return ours, await bare_run.measure(made, hospital)
        except StalledError as error:
            ours.notes.append(f"no comparison: {error}")
            return ours, None


def main(
    rate: Annotated[float, typer.Option(help="Deposits per second, at fixed times.", min=0.1)] = 40,
    seconds: Annotated[float, typer.Option(help="How long deposits are sent.", min=1)] = 30,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as it goes instead of at a rate.")] = False,
    at_once: Annotated[int, typer.Option(help="Deposits under way at once with --fast.", min=1)] = 16,
    records: Annotated[int, typer.Option(help="Records that the documents go to.", min=1)] = 200,
    bare: Annotated[bool, typer.Option("--bare/--no-bare", help="Also the same work by hand.")] = True,
    profile: Annotated[list[str], typer.Option(help=f"{profiling.HELP} Of: {', '.join(PROCESSES)}.")] = [],  # noqa: B006
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure the main job under load."""
    console = Console(width=110)
    load = Load(None if fast else rate, seconds, records, at_once, tuple(profile))
    try:
        ours, by_hand = run(measure(load, bare))
    except Interrupted:
        raise SystemExit(130) from None
    except LocalError as error:
        raise SystemExit(f"error: {error}") from None
    figures.show(console, "services", ours)
    if by_hand is not None:
        figures.show(console, "the same work by hand", by_hand)
        figures.show_comparison(console, ours, by_hand)
    reached = figures.goals(ours, by_hand, load.rate)
    figures.show_goals(console, reached)
    if json is not None:
        whole = {
            "load": load,
            "services": ours.as_json(),
            "bare": by_hand.as_json() if by_hand else None,
            "goals": reached,
        }
        json.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
