"""No read under an old right after "in force", while the API of records runs twice and workers are killed.

.venv/bin/python tests/chaos/rights.py [--changes 10000] [--at-once 24]

Everything runs in a temporary folder. For each record a patient authorises a doctor and ends the authorisation again,
each time until it is in force, while the doctor repeatedly reads the record's document at two instances of the API of
records. A record accepts a hundred changes an hour, so there are as many records as needed, `at_once` of them at a
time. Meanwhile the workers of records and consent, one API of records, and the API of consent are killed with SIGKILL
in turn and restarted. Exit code 0 when no read was permitted after its right had ended, or refused while it was in
force (see tests/chaos/judging.py).
"""

import asyncio
import contextlib
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.demo.credentials import DOCTOR, PROFESSIONALS
from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.stack import Stack
from tests.benchmarks.figures import Latency
from tests.chaos.judging import Held, Seen, change_and_read
from tests.e2e.acting import another_reader, set_scene
from tests.infra.platform.commands import run_in_folder, tell

VICTIMS = ("records-worker", "consent-worker", "records-api", "records-worker", "consent-api")
KILL_EVERY_S = 15.0
OF_ONE_RECORD = 80
"""Changes per record; a hundred an hour are accepted, and one that a crash answered is repeated."""
PAUSE_S = 0.01
"""Seconds between two reads, for each record that is read, so that changes get their share of two cores."""
RENEW_EVERY_S = 120.0


@asynccontextmanager
async def two_readers(stack: Stack) -> AsyncIterator[tuple[str, str]]:
    """Yields the URLs of the API of records and of a second instance of it."""
    async with another_reader(stack) as url:
        yield stack.url("records"), url


async def hold(stack: Stack, dmp: Dmp) -> Held:
    """Opens a record with a published document."""
    scene = await set_scene(stack, dmp)
    progress = await scene.done(await scene.deposit())
    held = Held(scene.record_id, progress["document_id"], {}, {})
    await renew(dmp, held)
    return held


async def renew(dmp: Dmp, held: Held) -> None:
    """Renews the tokens in place."""
    doctor = dmp.professional(PROFESSIONALS[DOCTOR].id)
    held.patient["authorization"] = f"Bearer {await dmp.patient(held.record_id).token()}"
    held.doctor["authorization"] = f"Bearer {await doctor.token()}"


async def play(stack: Stack, dmp: Dmp, changes: int, at_once: int, *, kill: bool) -> list[Seen]:
    """Makes `changes` changes, in `at_once` records at a time, with readers at two instances."""
    pause_s, places = PAUSE_S * at_once, asyncio.Semaphore(at_once)
    records = max(at_once, math.ceil(changes / OF_ONE_RECORD))
    held = [await hold(stack, dmp) for _ in range(records)]
    each = math.ceil(changes / records / 2) * 2
    done = 0
    limits = httpx2.Limits(max_connections=None)
    async with (
        two_readers(stack) as readers,
        httpx2.AsyncClient(timeout=30, trust_env=False, limits=limits) as client,
        asyncio.TaskGroup() as group,
    ):
        beside = [group.create_task(renew_all(dmp, held))]
        if kill:
            beside.append(group.create_task(_kill_in_turn(stack)))
        doctor_id, consent = PROFESSIONALS[DOCTOR].id, stack.url("consent")

        async def take(document: Held) -> Seen:
            nonlocal done
            async with places:
                seen = await change_and_read(document, consent, readers, client, each, doctor_id, pause_s)
            done += len(seen.took)
            tell(f"{done} changes are in force")
            return seen

        seen = await asyncio.gather(*(take(document) for document in held))
        for task in beside:
            task.cancel()
    return list(seen)


async def renew_all(dmp: Dmp, held: list[Held]) -> None:
    """Renews all tokens every two minutes, for ever."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        for document in held:
            with contextlib.suppress(LocalError):
                await renew(dmp, document)


async def _kill_in_turn(stack: Stack) -> None:
    number = 0
    while True:
        await asyncio.sleep(KILL_EVERY_S)
        name = VICTIMS[number % len(VICTIMS)]
        with contextlib.suppress(TimeoutError):
            await stack.wait_ready(name, 60)
        await stack.kill(name)
        tell(f"killed {name}")
        number += 1


async def _run(folder: Path, changes: int, at_once: int) -> tuple[list[Seen], float]:
    async with Stack(folder / "var", report=print_progress) as stack:
        await bootstrap(stack.layout)
        async with connect(endpoints.read(stack.layout)) as dmp:
            began = time.monotonic()
            return await play(stack, dmp, changes, at_once, kill=True), time.monotonic() - began


def main(
    changes: Annotated[int, typer.Option(help="Changes of rights, all records together.", min=2)] = 10_000,
    at_once: Annotated[int, typer.Option(help="Records at the same time.", min=1)] = 24,
) -> None:
    """Change rights and read at the same time, while processes are killed."""
    seen, seconds = run_in_folder("rights", lambda folder: _run(folder, changes, at_once))
    wrong = [fault for record in seen for fault in record.wrong()]
    took = Latency.of([seconds for record in seen for seconds in record.took])
    table = Table("what", "figure")
    statuses = [status for record in seen for _, _, status in record.reads]
    for name, value in (
        ("records", len(seen)),
        ("changes that came into force", took.count),
        ("of these after more than one asking", sum(record.late for record in seen)),
        ("change asked -> in force, p50 / p99 / longest (ms)", f"{took.p50} / {took.p99} / {took.longest}"),
        ("reads permitted", statuses.count(200)),
        ("reads refused", statuses.count(404)),
        ("seconds", round(seconds)),
        ("reads under an old right", len(wrong)),
    ):
        table.add_row(name, str(value))
    console = Console(width=100)
    console.print(table)
    for fault in wrong[:10]:
        console.print(f"[red]{fault}[/red]")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
