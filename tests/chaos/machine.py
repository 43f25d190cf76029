"""Machine faults: nothing is lost, doubled or untraced, and everything recovers without intervention.

.venv/bin/python tests/chaos/machine.py [TRIAL ...] [--seconds 30]

Each trial starts everything in a temporary folder (`dmp up`, a separate process), deposits without pause, causes one
fault, ends it, and waits until all is handled. During the fault each answer must be one of the API's own: no 500, no
plain text, 503 with Retry-After. Afterwards deposits are accepted, and all processes healthy, within 30 seconds without
intervention (60 where a person starts everything again), and each accepted document is published, audited and alerted
once. Exit code 0 when every check of every trial holds; a trial that this machine does not permit is skipped with the
reason.
"""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from functools import partial

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from tests.chaos import faults
from tests.chaos.answers import Answer, Hospital, count_by_status
from tests.chaos.checks import Check, check_everything, show_checks
from tests.chaos.outage import Times, check_answers, check_return
from tests.infra.load.documents import build_bodies
from tests.infra.messaging.flow import StalledError, wait_complete
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.installation import Installation
from tests.infra.records import hospital

BEFORE_S, AFTER_S = 6.0, 15.0
BACK_WITHIN_S, WHOLE_START_S = 30.0, 60.0
HANDLED_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 5.0
RECORDS, BODIES, AT_ONCE, PAUSE_S = 20, 2500, 6, 0.25
POLL_INTERVAL_S = 0.2
MET, LONGEST = 400, 3
"""The number of answers that a fault must affect; the factor by which it may last longer until then."""
Fault = Callable[[Installation], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Trial:
    """A fault. `small` names the folder of the run that gets a separate file system of `megabytes`."""

    what: str
    fault: Fault
    small: str | None = None
    megabytes: int = 0
    longest_answer_s: float | None = None
    """The longest time that an answer may take during the fault."""
    back_within_s: float = BACK_WITHIN_S
    is_silent: bool = False
    """Whether no process that could answer is left during the fault."""


def disk(folder: str, megabytes: int, *killed: str) -> Trial:
    """Returns the trial of a full file system of the folder, during which the named processes are killed."""
    whose = "everything" if folder == "." else folder
    what = f"the disk of {whose} is full" + (f" and {', '.join(killed)} killed" if killed else "")
    return Trial(what, lambda run: faults.filled_and_killed(run, run.layout.folder / folder, killed), folder, megabytes)


TRIALS = {
    "disk-all": disk(".", 1400, "records-worker"),
    "disk-broker": disk("kafka", 300),
    "disk-database": disk("postgres", 700, "postgres"),  # its recovery finds no space
    "disk-logs": disk("log", 32, "kafka", "consent-worker", "notify-worker"),  # without the broker they log much
    "freeze-broker": Trial("the broker is frozen", lambda run: faults.frozen(run, "kafka")),
    "freeze-postgres": Trial(
        "PostgreSQL is frozen", lambda run: faults.frozen(run, "postgres"), longest_answer_s=ANSWERED_WITHIN_S
    ),
    "freeze-mail": Trial("the mail server is frozen", lambda run: faults.frozen(run, "smtp")),
    "descriptors": Trial(
        "records-api has no descriptors left",
        lambda run: faults.without_descriptors(run, "records-api"),
        is_silent=True,
    ),
    "supervisor-killed": Trial(
        "the supervisor is killed, then started again",
        faults.without_supervisor,
        back_within_s=WHOLE_START_S,
        is_silent=True,
    ),
}


@dataclass(frozen=True)
class Outcome:
    """The result of a trial: the answers in each phase, and the checks. `skipped`: why there is none."""

    phases: dict[str, list[Answer]]
    checks: list[Check]
    skipped: str = ""


async def play(trial: Trial, folder: Path, seconds: float, keep: Path | None) -> Outcome:
    """Runs one trial on a separate installation; its logs and its terminal are copied into `keep`."""
    with ExitStack() as resources:
        installation = Installation(folder / "var", folder / "terminal")
        try:
            await _start(installation, trial, resources)
            return await _play(trial, installation, folder, seconds)
        except faults.NotPermittedError as error:
            return Outcome({}, [], str(error))
        finally:
            await installation.end()
            if keep is not None:
                await asyncio.to_thread(shutil.copytree, installation.layout.logs, keep, dirs_exist_ok=True)
                await asyncio.to_thread(shutil.copy, installation.terminal, keep / "terminal")


async def _start(installation: Installation, trial: Trial, resources: ExitStack) -> None:
    """Starts with the small file system mounted; files that the first start formats are moved into it."""
    if trial.small is not None:
        place = installation.layout.folder / trial.small
        if trial.small == ".":
            installation.terminal = installation.layout.folder / "terminal"
        else:
            await installation.start()
            await installation.end()
        await asyncio.to_thread(resources.enter_context, faults.mounted(place, trial.megabytes))
    await installation.start()


async def _play(trial: Trial, installation: Installation, folder: Path, seconds: float) -> Outcome:
    async with hospital.Hospital(installation) as opening:
        software = await opening.register()
        persons = await opening.open_records(RECORDS, tell)
    bodies = folder / "bodies.bin"
    places = await asyncio.to_thread(lambda: list(build_bodies(bodies, persons, BODIES, 20261128)))
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        urls = installation.url("identity"), installation.url("records")
        depositing = Hospital(client, *urls, software, bodies, places)
        times, over = Times(time.time()), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(depositing.deposit_until(over, AT_ONCE, PAUSE_S))
            await asyncio.sleep(BEFORE_S)
            tell(f"{trial.what} for {seconds:.0f} s")
            times.fault = time.time()
            async with trial.fault(installation):
                await _let_it_last(depositing, seconds)
                times.ended = time.time()
            tell("the fault has ended")
            times.healthy = await _wait_healthy(installation, times.ended + 3 * BACK_WITHIN_S)
            await asyncio.sleep(max(0.0, times.ended + AFTER_S - time.time()))
            over.set()
    tell(f"accepted: {len(depositing.results)}; waiting until all is handled")
    with contextlib.suppress(StalledError):
        await wait_complete(installation, times.began, len(depositing.results), tell, patience=HANDLED_WITHIN_S)
    checks = [
        *check_answers(times, depositing.answers, longest_s=trial.longest_answer_s, is_silent=trial.is_silent),
        *check_return(times, depositing.answers, trial.back_within_s),
        Check("the supervisor lives", "yes", "yes" if installation.is_supervised else "no", installation.is_supervised),
        *await check_everything(installation, times.began, depositing.results),
    ]
    phases: dict[str, list[Answer]] = {"before": [], "during": [], "after": []}
    for answer in depositing.answers:
        phases[times.phase_of(answer)].append(answer)
    return Outcome(phases, checks)


async def _let_it_last(depositing: Hospital, seconds: float) -> None:
    """Waits for `seconds`; on a slow machine longer, until the fault has met deposits, up to a limit."""
    enough, latest = len(depositing.answers) + MET, time.time() + LONGEST * seconds
    await asyncio.sleep(seconds)
    while True:
        if len(depositing.answers) >= enough or time.time() > latest:
            return
        await asyncio.sleep(POLL_INTERVAL_S)


async def _wait_healthy(installation: Installation, deadline: float) -> float | None:
    while unhealthy := await installation.unhealthy():
        if time.time() > deadline:
            tell(f"still not healthy: {', '.join(unhealthy)}")
            return None
        await asyncio.sleep(POLL_INTERVAL_S)
    return time.time()


def show(console: Console, name: str, outcome: Outcome) -> None:
    """Prints two tables."""
    if outcome.skipped:
        console.print(f"{name}: [yellow]skipped[/yellow], {outcome.skipped}")
        return
    table = Table(f"{name}: answers", "deposits", "readiness", "longest")
    for phase, answers in outcome.phases.items():
        counts = [
            count_by_status([answer for answer in answers if answer.question == what])
            for what in ("deposit", "readiness")
        ]
        table.add_row(phase, *counts, f"{max((answer.seconds for answer in answers), default=0):.1f} s")
    console.print(table)
    show_checks(console, f"{name}: check", outcome.checks)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(TRIALS)}. All by default.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each fault lasts.", min=5)] = 30,
    keep: Annotated[Path | None, typer.Option(help="Copy the logs of each trial into this folder.")] = None,
) -> None:
    """Cause machine faults while documents arrive."""
    chosen = names or list(TRIALS)
    if unknown := set(chosen) - TRIALS.keys():
        raise SystemExit(f"error: no trial is called {', '.join(sorted(unknown))}; there are {', '.join(TRIALS)}")
    console, broken = Console(width=120), []
    for name in chosen:
        tell(f"{name}:")
        trial, kept = TRIALS[name], keep / name if keep else None
        outcome = run_in_folder(name, partial(play, trial, seconds=seconds, keep=kept))
        show(console, name, outcome)
        if any(check.holds is False for check in outcome.checks):
            broken.append(name)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
