"""A trial: documents arrive at a steady rate while something is killed; then everything is waited for and checked.

A script makes a `Trial` and calls `run_trial`. Everything runs in a temporary folder, with alerts grouped for 10 s
(`ALERTS__WINDOW_S`). The depositing software behaves like a real pipeline: it sends the same bytes again, with
back-off, after connection errors, time-outs and 5xx, until they are accepted.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Generic, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.platform.stack import Stack
from deploy.local.platform.supervisor import Report
from tests.chaos.checks import Check, check_everything, show_checks
from tests.infra.messaging.flow import StalledError, wait_complete
from tests.infra.platform.commands import run_command, tell
from tests.infra.records.depositing import Order, Result, Run
from tests.infra.records.hospital import Depositing, Hospital, depositing

READY_WITHIN_S: Final = 120.0
"""The longest time until a killed process is healthy again."""
PATIENCE_S: Final = 90.0
"""The longest time without any progress of a document."""
GROUPED: Final = {"NOTIFY_ALERTS__WINDOW_S": "10"}
"""Short enough that each record has several windows in a run, so that processes are killed while alerts wait, too."""
Deposits = Annotated[int, typer.Option(help="How many documents.", min=1)]
Rate = Annotated[float, typer.Option(help="Deposits per second.", min=0.1)]
Records = Annotated[int, typer.Option(help="Records that they go to.", min=1)]
Deadline = Annotated[float, typer.Option(help="Seconds for everything together.", min=10)]
Keep = Annotated[Path | None, typer.Option(help="Use this folder and leave it (data, logs, mails).")]
S = TypeVar("S", bound=Stack)


@dataclass(frozen=True)
class Killed:
    """One kill: seconds after the first deposit, and seconds until the process was healthy again (None: never)."""

    name: str
    at: float
    back_after: float | None


async def check_nothing_more(_stack: Stack) -> list[Check]:
    """The default: no further checks."""
    return []


@dataclass(frozen=True)
class Trial(Generic[S]):
    """What is tried.

    `kill`: kills processes of the stack during the deposits; its arguments are the Unix time of the first deposit and
    the seconds until the last one. `check`: checks that only this trial makes, once everything is handled.
    """

    name: str
    make_stack: Callable[[Path, dict[str, str], Report], S]
    kill: Callable[[S, float, float], Coroutine[Any, Any, list[Killed]]]
    check: Callable[[S], Coroutine[Any, Any, list[Check]]] = check_nothing_more


@dataclass(frozen=True)
class Load:
    """The deposits of a trial: their number, how many there are a second, and the records that they go to."""

    deposits: int
    rate: float
    records: int


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    killed: list[Killed]
    results: list[Result]
    retries: int
    seconds: float
    checks: list[Check]


@asynccontextmanager
async def hospital_at(stack: Stack, folder: Path, deposits: int, records: int) -> AsyncIterator[Depositing]:
    """Yields a hospital with open records and built bodies."""
    async with Hospital(stack) as hospital, depositing(folder / "results.jsonl") as process:
        software = await hospital.register()
        persons = await hospital.open_records(records, tell)
        order = Order(
            token_url=f"{stack.url('identity')}/oauth/token",
            client_id=software.client_id,
            jwk=software.key.as_dict(private=True),
            persons=[person.number for person in persons],
            count=deposits,
            seed=20261122,
            bodies=str(folder / "bodies.bin"),
            results=str(folder / "results.jsonl"),
        )
        await process.prepare(order, tell)
        yield process


async def play(trial: Trial[S], load: Load, folder: Path) -> Outcome:
    """Runs everything on a separate stack."""
    async with AsyncExitStack() as resources:
        stack = trial.make_stack(folder / "var", GROUPED, print_progress)
        await resources.enter_async_context(stack)
        process = await resources.enter_async_context(hospital_at(stack, folder, load.deposits, load.records))
        began = time.time()
        start = began + 0.5
        order = Run(f"{stack.url('records')}/fhir", 0, load.deposits, start, load.rate, persist=True)
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(trial.kill(stack, start, load.deposits / load.rate))
            sending = group.create_task(process.run(order, tell))
        results, done = sending.result()
        accepted = [result for result in results if result.status in (200, 201)]
        tell(f"accepted: {len(accepted)} of {load.deposits}; waiting until all is handled")
        with contextlib.suppress(StalledError):
            await wait_complete(stack, began, len(accepted), tell, patience=PATIENCE_S)
        checks = [*await check_everything(stack, began, results), *await trial.check(stack)]
        return Outcome(killing.result(), results, int(done["retries"]), time.time() - start, checks)


def longest_gap(results: Sequence[Result]) -> float:
    """Returns the longest time in seconds in which no deposit was accepted, between the first and the last."""
    times = sorted(result.answered for result in results if result.status in (200, 201))
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def show(console: Console, outcome: Outcome) -> None:
    """Prints three tables."""
    kills = Table("killed with SIGKILL", "after", "healthy again after")
    for killed in outcome.killed:
        kills.add_row(
            killed.name,
            f"{killed.at:.1f} s",
            "[red]never[/red]" if killed.back_after is None else f"{killed.back_after:.1f} s",
        )
    console.print(kills)
    late = sorted(result.answered - result.scheduled for result in outcome.results)
    console.print(
        f"deposits: {len(outcome.results)}, sent again: {outcome.retries}, longest until accepted: {late[-1]:.1f} s, "
        f"longest without an accepted one: {longest_gap(outcome.results):.1f} s, "
        f"all handled and checked after {outcome.seconds:.0f} s"
    )
    show_checks(console, "check", outcome.checks)


def run_trial(trial: Trial[S], load: Load, deadline: float, keep: Path | None) -> NoReturn:
    """Runs the trial and prints its outcome; ends with code 0 when every check holds."""
    with contextlib.ExitStack() as resources:
        folder = keep or Path(resources.enter_context(tempfile.TemporaryDirectory(prefix=f"dmp-{trial.name}-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PostgreSQL's user must be able to enter when we are root
        try:
            outcome = run_command(asyncio.wait_for(play(trial, load, folder), deadline))
        except TimeoutError:
            raise SystemExit(f"error: not done after {deadline:.0f} s") from None
    show(Console(width=120), outcome)
    raise SystemExit(0 if all(check.holds is not False for check in outcome.checks) else 1)


def run_script(main: Callable[..., None]) -> None:
    """Runs a script whose options are those of `main`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
