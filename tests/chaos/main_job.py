"""Every process is killed: nothing is lost, doubled or untraced.

python tests/chaos/main_job.py [--deposits 2000] [--rate 40] [--records 200] [--keep FOLDER]

Starts everything in a temporary folder, with alerts grouped for 10 seconds (`ALERTS__WINDOW_S`), and deposits at the
rate like a real pipeline (the same bytes again, with back-off, after connection errors, time-outs and 5xx, until
accepted). Meanwhile it kills with SIGKILL each of the ten service processes in turn, then the broker, then PostgreSQL;
the supervisor restarts them. Afterwards it waits until all is handled and checks the databases, the topics and the mail
folder. Exit code 0 when every check holds.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from tests.chaos.checks import Check, check_everything
from tests.infra.messaging.flow import StalledError, wait_complete
from tests.infra.platform.commands import run_command
from tests.infra.records.depositing import Order, Result, Run
from tests.infra.records.hospital import Depositing, Hospital, depositing

PROCESSES = tuple(f"{service}-{role}" for service in NAMES for role in ("api", "worker"))
VICTIMS = (*PROCESSES, "kafka", "postgres")
FIRST_KILL_S = 2.0
READY_WITHIN_S = 120.0
PATIENCE_S = 90.0
GATHERED = {"NOTIFY_ALERTS__WINDOW_S": "10"}
"""Short enough that each record has several windows in a run, so that processes are killed while alerts wait, too."""


@dataclass(frozen=True)
class Killed:
    """One kill: seconds after the first deposit, and seconds until the process was healthy again (None: never)."""

    name: str
    at: float
    back_after: float | None


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


async def kill_in_turn(stack: Stack, start: float, seconds: float) -> list[Killed]:
    """Kills every victim once, evenly over the time, whether or not the previous one is back."""
    gap = (seconds - FIRST_KILL_S) / len(VICTIMS)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, name in enumerate(VICTIMS):
            await asyncio.sleep(max(0.0, start + FIRST_KILL_S + number * gap - time.time()))
            tasks.append(group.create_task(_kill(stack, name, start)))
    return [task.result() for task in tasks]


async def _kill(stack: Stack, name: str, start: float) -> Killed:
    with contextlib.suppress(TimeoutError):
        await stack.wait_ready(name, READY_WITHIN_S)
    at = time.time()
    await stack.kill(name)
    tell(f"killed {name} after {at - start:.1f} s")
    try:
        await stack.wait_ready(name, READY_WITHIN_S)
    except TimeoutError:
        return Killed(name, at - start, None)
    return Killed(name, at - start, time.time() - at)


async def play(folder: Path, deposits: int, rate: float, records: int) -> Outcome:
    """Runs everything on a separate stack."""
    async with AsyncExitStack() as resources:
        stack = await resources.enter_async_context(Stack(folder / "var", environment=GATHERED, report=print_progress))
        process = await resources.enter_async_context(hospital_at(stack, folder, deposits, records))
        began = time.time()
        start = began + 0.5
        order = Run(f"{stack.url('records')}/fhir", 0, deposits, start, rate, persist=True)
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(kill_in_turn(stack, start, deposits / rate))
            sending = group.create_task(process.run(order, tell))
        results, done = sending.result()
        accepted = [result for result in results if result.status in (200, 201)]
        tell(f"accepted: {len(accepted)} of {deposits}; waiting until all is handled")
        with contextlib.suppress(StalledError):
            await wait_complete(stack, began, len(accepted), tell, patience=PATIENCE_S)
        checks = await check_everything(stack, began, results)
        return Outcome(killing.result(), results, int(done["retries"]), time.time() - start, checks)


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
        f"all handled and checked after {outcome.seconds:.0f} s"
    )
    table = Table("check", "wanted", "found", "")
    for check in outcome.checks:
        mark = "" if check.holds is None else "[green]holds[/green]" if check.holds else "[red]BROKEN[/red]"
        table.add_row(check.name, check.wanted, check.measured, mark)
    console.print(table)
    for check in outcome.checks:
        for example in check.examples:
            console.print(f"[red]{check.name}[/red]: {example}")


def tell(news: str) -> None:
    """Reports progress on the error stream."""
    print(f"  {news}", file=sys.stderr, flush=True)


def main(
    deposits: Annotated[int, typer.Option(help="How many documents.", min=1)] = 2000,
    rate: Annotated[float, typer.Option(help="Deposits per second.", min=0.1)] = 40,
    records: Annotated[int, typer.Option(help="Records that they go to.", min=1)] = 200,
    deadline: Annotated[float, typer.Option(help="Seconds for everything together.", min=10)] = 900,
    keep: Annotated[Path | None, typer.Option(help="Use this folder and leave it (data, logs, mails).")] = None,
) -> None:
    """Kill every process while documents arrive."""
    with contextlib.ExitStack() as resources:
        folder = keep or Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="dmp-chaos-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PostgreSQL's user must be able to enter when we are root
        try:
            outcome = run_command(_within(deadline, folder, deposits, rate, records))
        except TimeoutError:
            raise SystemExit(f"error: not done after {deadline:.0f} s") from None
    show(Console(width=110), outcome)
    raise SystemExit(0 if all(check.holds is not False for check in outcome.checks) else 1)


async def _within(deadline: float, folder: Path, deposits: int, rate: float, records: int) -> Outcome:
    async with asyncio.timeout(deadline):
        return await play(folder, deposits, rate, records)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
