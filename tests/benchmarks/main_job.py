"""The main job under load: rates, latencies of each step, CPU and memory per process, against the same work by hand.

python tests/benchmarks/main_job.py [--load 1 --load 100 --load fast] [--seconds 20] [--records 200] [--no-bare]
[--statements 20] [--profile records-api] [--json FILE]

Starts everything in a temporary folder (real PostgreSQL, Kafka, mail catcher, ten service processes), opens records,
warms up, measures the cost of an idle time. Then, load after load, it deposits invented CDA documents of 20 to 100 KB
through `POST /fhir` from a separate process and waits until the last alert is handled. Then it stops the services and
does the same work by hand under the same loads on the same PostgreSQL and Kafka (see tests/benchmarks/bare.py). Without
`--load` there are three loads: 1 and 100 documents per second, and as fast as possible.

Alerts are not grouped here (`ALERTS__WINDOW_S` is 0, as in every local installation), so that each document has its own
mail and time. Otherwise, of several documents of a record in a minute, all but the first would wait for a quarter of an
hour.

With a rate the times of the deposits are fixed beforehand and latencies are counted from them. Times of steps are those
that the services store in their databases; "alert handled" is the time at which the mail server had accepted the mail.
CPU is that of the whole process (or all of PostgreSQL's), from /proc, between the first scheduled deposit and the
moment at which everything is handled, tracked and audited; it includes idle cost. Round trips are counted by
pg_stat_statements. Ratios to the work by hand hold on any machine; milliseconds only on an idle one.
"""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console

from tests.benchmarks import bare_run, figures, profiling
from tests.benchmarks.bench import PROCESSES, Load, bench
from tests.benchmarks.figures import Figures
from tests.infra.messaging.flow import StalledError
from tests.infra.platform.commands import run_command

THREE = ["1", "100", "fast"]


async def measure(
    loads: list[Load], records: int, with_bare: bool, profile: tuple[str, ...]
) -> tuple[list[Figures], list[Figures] | None]:
    """Measures the services, then the bare pipeline."""
    async with bench(loads, records) as (made, hospital):
        ours = await made.measure_services(hospital, profile)
        if not with_bare:
            return ours, None
        made.tell("stopping the services")
        try:
            return ours, await bare_run.measure(made, hospital)
        except StalledError as error:
            ours[-1].notes.append(f"no comparison: {error}")
            return ours, None


def load_of(text: str, seconds: float, at_once: int) -> Load:
    """Returns the load for `fast` or a number of documents per second."""
    try:
        return Load(None if text == "fast" else float(text), seconds, at_once)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither `fast` nor a number of documents per second") from error


def main(
    load: Annotated[list[str], typer.Option(help="Documents per second, or `fast`; one after the other.")] = THREE,
    seconds: Annotated[float, typer.Option(help="How long deposits are sent.", min=1)] = 20,
    at_once: Annotated[int, typer.Option(help="Deposits under way at once when `fast`.", min=1)] = 16,
    records: Annotated[int, typer.Option(help="Records that the documents go to.", min=1)] = 200,
    bare: Annotated[bool, typer.Option("--bare/--no-bare", help="Also the same work by hand.")] = True,
    statements: Annotated[int, typer.Option(help="Show so many of the dearest statements.", min=0)] = 0,
    profile: Annotated[list[str], typer.Option(help=f"{profiling.HELP} Of: {', '.join(PROCESSES)}.")] = [],  # noqa: B006
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure the main job under load."""
    console = Console(width=110)
    loads = [load_of(text, seconds, at_once) for text in load]
    ours, by_hand = run_command(measure(loads, records, bare, tuple(profile)))
    show(console, ours, by_hand, statements)
    if json is not None:
        whole = {
            "loads": loads,
            "services": [figures.as_json() for figures in ours],
            "bare": [figures.as_json() for figures in by_hand or []],
        }
        json.write_bytes(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


def show(console: Console, ours: list[Figures], by_hand: list[Figures] | None, statements: int) -> None:
    """Prints load after load."""
    for number, services in enumerate(ours):
        figures.show(console, "services", services)
        if statements:
            figures.show_statements(console, services, statements)
        hand = by_hand[number] if by_hand is not None else None
        if hand is not None:
            figures.show(console, "the same work by hand", hand)
            figures.show_comparison(console, services, hand)
        figures.show_goals(console, figures.goals(services, hand))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
