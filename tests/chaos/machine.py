"""Nothing lost, doubled or untraced while the machine fails, and everything back by itself.

    .venv/bin/python tests/chaos/machine.py [TRIAL ...] [--seconds 30]

Each trial starts everything in a temporary folder (`dmp up`, a process of its own), deposits without pause, brings one
fault about, ends it, and waits until all is handled. During the fault each answer must be one of the API's own: no 500,
no plain text, 503 with Retry-After. Afterwards deposits are accepted, and all processes healthy, within 30 seconds
without anybody's help, and what was accepted is published, audited and alerted once each.
Exit code 0 when every check of every trial holds; a trial that this machine does not permit is skipped, and says why.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.errors import LocalError
from deploy.local.running import Interrupted, run
from tests.chaos import faults
from tests.chaos.answers import ACCEPTED, Answer, Hospital, count_by_status
from tests.chaos.checks import Check, check_everything
from tests.infra import hospital
from tests.infra.flow import StalledError, wait_complete
from tests.infra.installation import Installation
from tests.infra.load import build_bodies

BEFORE_S, AFTER_S = 6.0, 15.0
BACK_WITHIN_S = 30.0
HANDLED_WITHIN_S = 120.0
ANSWERED_WITHIN_S = 5.0
RECORDS, BODIES, AT_ONCE, PAUSE_S = 20, 2500, 6, 0.25
LEFT_S = 0.2
Fault = Callable[[Installation], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Trial:
    """A fault. `small` names the folder of the run that gets a file system of its own, of `megabytes`."""

    what: str
    fault: Fault
    small: str | None = None
    megabytes: int = 0
    answers_within_s: float | None = None
    """The longest that an answer may take during the fault."""
    silences: bool = False
    """Whether the fault leaves nobody there who could answer."""


def disk(folder: str, megabytes: int) -> Trial:
    """The folder's file system, full."""
    whose = "everything" if folder == "." else folder
    return Trial(
        f"the disk of {whose} is full", lambda run: faults.filled(run.layout.folder / folder), folder, megabytes
    )


TRIALS = {
    "disk-all": disk(".", 1400),
    "disk-broker": disk("kafka", 300),
    "disk-database": disk("postgres", 700),
    "disk-logs": Trial("the disk of the logs is full", faults.filled_logs, "log", 32),
    "freeze-broker": Trial("the broker is frozen", lambda run: faults.frozen(run, "kafka")),
    "freeze-postgres": Trial(
        "PostgreSQL is frozen", lambda run: faults.frozen(run, "postgres"), answers_within_s=ANSWERED_WITHIN_S
    ),
    "freeze-mail": Trial("the mail server is frozen", lambda run: faults.frozen(run, "smtp")),
    "descriptors": Trial(
        "records-api has no descriptors left", lambda run: faults.without_descriptors(run, "records-api"), silences=True
    ),
    "supervisor-killed": Trial("the supervisor is killed, started again", faults.without_supervisor, silences=True),
}


@dataclass(frozen=True)
class Outcome:
    """What a trial came to: what was answered in each phase, and the checks. `skipped` says why there is nothing."""

    phases: dict[str, list[Answer]]
    checks: list[Check]
    skipped: str = ""


@dataclass
class Times:
    """Of one trial, in Unix seconds."""

    began: float
    fault: float = 0
    ended: float = 0
    healthy: float | None = None

    def phase_of(self, answer: Answer) -> str:
        """By the moment at which it was asked for; what the fault's end found under way counts as during."""
        if answer.asked_at + answer.seconds < self.fault:
            return "before"
        return "during" if answer.asked_at < self.ended else "after"


async def play(trial: Trial, folder: Path, seconds: float, keep: Path | None) -> Outcome:
    """One trial on an installation of its own; its logs and its terminal are copied into `keep`."""
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
    """With the small file system in its place; what is formatted at the first start moves into it."""
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
        software = await opening.found()
        persons = await opening.open_records(RECORDS, tell)
    bodies = folder / "bodies.bin"
    places = await asyncio.to_thread(lambda: list(build_bodies(bodies, persons, BODIES, 20261128)))
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        urls = installation.url("identity"), installation.url("records")
        depositing = Hospital(client, *urls, software, bodies, places)
        times, over = Times(time.time()), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(depositing.deposit_until(over, AT_ONCE, PAUSE_S))
            await asyncio.sleep(BEFORE_S)
            tell(f"{trial.what} for {seconds:.0f} s")
            times.fault = time.time()
            async with trial.fault(installation):
                await asyncio.sleep(seconds)
            times.ended = time.time()
            tell("the fault has ended")
            times.healthy = await _wait_healthy(installation, times.ended + 3 * BACK_WITHIN_S)
            await asyncio.sleep(max(0.0, times.ended + AFTER_S - time.time()))
            over.set()
    tell(f"accepted: {len(depositing.results)}; waiting until all is handled")
    with contextlib.suppress(StalledError):
        await wait_complete(installation, times.began, len(depositing.results), tell, patience=HANDLED_WITHIN_S)
    checks = [
        *check_answers(trial, times, depositing.answers),
        *check_return(installation, times, depositing.answers),
        *await check_everything(installation, times.began, depositing.results),
    ]
    phases: dict[str, list[Answer]] = {"before": [], "during": [], "after": []}
    for answer in depositing.answers:
        phases[times.phase_of(answer)].append(answer)
    return Outcome(phases, checks)


async def _wait_healthy(installation: Installation, deadline: float) -> float | None:
    while unhealthy := await installation.unhealthy():
        if time.time() > deadline:
            tell(f"still not healthy: {', '.join(unhealthy)}")
            return None
        await asyncio.sleep(LEFT_S)
    return time.time()


def check_answers(trial: Trial, times: Times, answers: list[Answer]) -> list[Check]:
    """Each answer is the API's own, also when it is that nothing can be done now."""
    failed = [one for one in answers if one.status >= 400]
    during = [one for one in answers if times.phase_of(one) == "during" and one.status]
    longest = max((one.seconds for one in during), default=0.0)
    limit = trial.answers_within_s
    silent = sum(one.status == 0 for one in answers)
    return [
        _none("answers 500", [one for one in failed if one.status == 500]),
        _none("errors that are not in the API's own form", [one for one in failed if not one.is_json]),
        _none("503 without Retry-After", [one for one in failed if one.status == 503 and not one.has_retry_after]),
        Check(
            "no answer at all", "told" if trial.silences else "0", str(silent), None if trial.silences else not silent
        ),
        Check(
            "longest answer during the fault",
            f"< {limit:.0f} s" if limit else "told",
            f"{longest:.1f} s",
            longest < limit if limit else None,
        ),
    ]


def check_return(installation: Installation, times: Times, answers: list[Answer]) -> list[Check]:
    """Everything is there again, by itself and soon."""
    accepted = [one.asked_at + one.seconds for one in answers if one.status in ACCEPTED and one.question == "deposit"]
    first = min((at - times.ended for at in accepted if at > times.ended), default=None)
    healthy = None if times.healthy is None else times.healthy - times.ended
    return [
        _within("first deposit accepted after the fault", first),
        _within("all processes healthy after the fault", healthy),
        Check("the supervisor lives", "yes", "yes" if installation.is_supervised else "no", installation.is_supervised),
    ]


def _none(name: str, wrong: list[Answer]) -> Check:
    examples = tuple(f"{one.question} {one.status}: {one.problem}" for one in wrong[:3])
    return Check(name, "0", str(len(wrong)), not wrong, examples)


def _within(name: str, seconds: float | None) -> Check:
    found = "never" if seconds is None else f"{seconds:.1f} s"
    return Check(name, f"< {BACK_WITHIN_S:.0f} s", found, seconds is not None and seconds < BACK_WITHIN_S)


def show(console: Console, name: str, outcome: Outcome) -> None:
    """Two tables."""
    if outcome.skipped:
        console.print(f"{name}: [yellow]skipped[/yellow], {outcome.skipped}")
        return
    table = Table(f"{name}: answers", "deposits", "readiness", "longest")
    for phase, answers in outcome.phases.items():
        counts = [
            count_by_status([one for one in answers if one.question == what]) for what in ("deposit", "readiness")
        ]
        table.add_row(phase, *counts, f"{max((one.seconds for one in answers), default=0):.1f} s")
    console.print(table)
    table = Table(f"{name}: check", "wanted", "found", "")
    for check in outcome.checks:
        mark = "" if check.holds is None else "[green]holds[/green]" if check.holds else "[red]BROKEN[/red]"
        table.add_row(check.name, check.wanted, check.found, mark)
    console.print(table)
    for check in outcome.checks:
        for example in check.examples:
            console.print(f"[red]{check.name}[/red]: {example}", markup=True)


def tell(news: str) -> None:
    """Progress, on the error stream."""
    print(f"  {news}", file=sys.stderr, flush=True)


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of: {', '.join(TRIALS)}. All by default.")] = None,
    seconds: Annotated[float, typer.Option(help="How long each fault lasts.", min=5)] = 30,
    keep: Annotated[Path | None, typer.Option(help="Copy the logs of each trial into this folder.")] = None,
) -> None:
    """Let the machine fail while documents come in."""
    chosen = names or list(TRIALS)
    if unknown := set(chosen) - TRIALS.keys():
        raise SystemExit(f"error: no trial is called {', '.join(sorted(unknown))}; there are {', '.join(TRIALS)}")
    console, broken = Console(width=120), []
    for name in chosen:
        tell(f"{name}:")
        with tempfile.TemporaryDirectory(prefix=f"dmp-{name}-") as temporary:
            folder = Path(temporary)
            folder.chmod(0o711)  # PostgreSQL's user must pass when we are root
            try:
                outcome = run(play(TRIALS[name], folder, seconds, keep / name if keep else None))
            except Interrupted:
                raise SystemExit(130) from None
            except LocalError as error:
                raise SystemExit(f"error: {error}") from None
        show(console, name, outcome)
        if any(check.holds is False for check in outcome.checks):
            broken.append(name)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
