"""A database loses commits: nothing that a topic carried is lost, doubled or served under an old right, and no erased
record comes back.

.venv/bin/python tests/chaos/restore.py [SERVICE ...] [--gap 12] [--deposits 400] [--rate 12]

For each service everything runs in a temporary folder: documents are deposited, patients authorise a doctor and end the
authorisation again while the doctor reads, others mask a document and lift the mask while a doctor reads, and a record
is erased. A copy of the service's database is taken; `gap` seconds later it is put back, while everything runs (a
restore; with a small gap, a failover to a standby that had fallen behind). When the relay reports lost commits,
`recover` is run, as an operator would. Exit code 0 when every check holds.
"""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from functools import partial

import asyncpg
import httpx2
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import print_progress
from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.demo.credentials import ADMINISTRATOR, DOCTOR, PROFESSIONALS, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.databases import owner_dsn
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from tests.chaos import restoring
from tests.chaos.checks import Check, equal
from tests.chaos.judging import Held, Seen, change_and_read
from tests.chaos.masks import mask_and_read, without_unannounced
from tests.chaos.rights import hold, renew_all
from tests.chaos.trial import hospital_at
from tests.e2e.acting import Scene, set_scene
from tests.infra.erasure.erasing import KEPT_HERE, tables_with
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually
from tests.infra.records.depositing import Result, Run

BEFORE_S, AFTER_S = 5.0, 8.0
RECORDS, HELD, MASKED, CHANGES, PAUSE_S = 20, 4, 2, 24, 0.05
ANNOUNCED_WITHIN_S = 1.0
"""Seconds within which a commit reaches its topic. Later commits before the loss cannot be recovered."""
HANDLED_WITHIN_S, RECOVERED_WITHIN_S = 150.0, 60.0
NEEDED = "outbox_recovery_needed 1.0"
DOCUMENTS = "select id, status, audited_at is not null as audited, alert_handled_at is not null as told from documents"
LOST = "select document_id as id from lost_documents"
ENTRIES = """
select document_id, event_type, count(*) as count from ledger_entries
where document_id is not null and occurred_at >= $1 group by document_id, event_type"""
ALERTS = "select document_id, count(*) as count from alerts where kind = 'document' group by document_id"
PARKED = "select count(*) from parked_messages where reason = 'dead'"
KINDS = ("records.document-received.v1", "consent.deposit-decided.v1", "records.document-published.v1")


@dataclass
class Outcome:
    """The result of a run."""

    service: str
    recovered: dict[str, Any] | None = None
    checks: list[Check] = field(default_factory=list)


@dataclass
class World:
    """A running stack."""

    stack: Stack
    dmp: Dmp
    erased: list[UUID] = field(default_factory=list)
    lost_at: float = 0.0
    """When the copy was put back, on the monotonic clock."""

    async def erase(self, scene: Scene) -> None:
        """Erases a record and returns once the decision is made; each service acknowledges later."""
        credentials = endpoints.read(self.stack.layout)["credentials"]
        administrator = session_of(self.dmp, credentials, ADMINISTRATOR)
        await administrator.call(
            "POST", "identity", f"/records/{scene.record_id}/erase", json={"reason": "gdpr-decision"}
        )
        self.erased.append(UUID(scene.record_id))

    async def rows(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Returns the rows of a query on a service's database, as the superuser."""
        connection = await asyncpg.connect(self.stack.postgres.dsn(service))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()


async def play(folder: Path, service: str, gap: float, deposits: int, rate: float) -> Outcome:
    """Restores one database once, on a separate stack."""
    async with AsyncExitStack() as resources:
        stack = await resources.enter_async_context(Stack(folder / "var", report=print_progress))
        await bootstrap(stack.layout)
        dmp = await resources.enter_async_context(connect(endpoints.read(stack.layout)))
        process = await resources.enter_async_context(hospital_at(stack, folder, deposits, RECORDS))
        world, outcome = World(stack, dmp), Outcome(service)
        held = [await hold(stack, dmp) for _ in range(HELD)]
        masked = [await hold(stack, dmp) for _ in range(MASKED)]
        doomed = [await set_scene(stack, dmp) for _ in range(2)]
        for scene in doomed:
            await scene.done(await scene.deposit())
        client = await resources.enter_async_context(httpx2.AsyncClient(timeout=30, trust_env=False))
        began = time.time()
        order = Run(f"{stack.url('records')}/fhir", 0, deposits, began + 0.5, rate, persist=True)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(process.run(order, tell))
            changing = [group.create_task(_change(document, world, client)) for document in held]
            over = asyncio.Event()
            masking = [group.create_task(_mask(document, world, client, over)) for document in masked]
            renewing = group.create_task(renew_all(dmp, [*held, *masked]))
            await _lose_commits(world, outcome, folder, gap, doomed)
            await asyncio.sleep(AFTER_S)
            over.set()
            await asyncio.wait([*masking, *changing, sending])
            renewing.cancel()
        results, _ = sending.result()
        masks = [task.result() for task in masking]
        without_unannounced(masks, world.lost_at, ANNOUNCED_WITHIN_S)
        outcome.checks = await check(world, outcome, began, results, [task.result() for task in changing], masks)
        return outcome


async def _mask(document: Held, world: World, client: httpx2.AsyncClient, over: asyncio.Event) -> Seen:
    stack, doctor = world.stack, PROFESSIONALS[DOCTOR].id
    return await mask_and_read(document, stack.url("consent"), stack.url("records"), client, doctor, PAUSE_S, over)


async def _change(held: Any, world: World, client: httpx2.AsyncClient) -> Seen:
    stack, doctor = world.stack, PROFESSIONALS[DOCTOR].id
    readers = [stack.url("records")]
    return await change_and_read(held, stack.url("consent"), readers, client, CHANGES, doctor, PAUSE_S)


async def _lose_commits(world: World, outcome: Outcome, folder: Path, gap: float, doomed: list[Scene]) -> None:
    stack, service, copy = world.stack, outcome.service, folder / "copy.dump"
    await asyncio.sleep(BEFORE_S)
    await restoring.take_copy(stack, service, copy)
    tell(f"copy of {service} taken")
    await world.erase(doomed[0])
    await asyncio.sleep(gap)
    world.lost_at = await restoring.put_back(stack, service, copy)
    tell(f"copy of {service} put back, {gap:.0f} s of commits are lost")
    await asyncio.sleep(AFTER_S)
    needed = False
    with contextlib.suppress(AssertionError):
        needed = await eventually(lambda: _needs_recovery(stack, service), seconds=20)
    if needed:
        outcome.recovered = await restoring.recover(stack, service)
        tell(f"recovered: {outcome.recovered}")
        await eventually(lambda: _is_recovered(stack, service), seconds=RECOVERED_WITHIN_S)
    await world.erase(doomed[1])


async def _needs_recovery(stack: Stack, service: str) -> bool:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        with contextlib.suppress(httpx2.TransportError):
            return NEEDED in (await client.get(f"{stack.url(service, 'worker')}/metrics")).text
    return False


async def _is_recovered(stack: Stack, service: str) -> bool:
    return not await _needs_recovery(stack, service)


async def check(
    world: World, outcome: Outcome, began: float, results: list[Result], seen: list[Seen], masks: list[Seen]
) -> list[Check]:
    """Returns the checks once everything is handled."""
    moment = datetime.fromtimestamp(began, UTC)
    accepted = {UUID(result.document_id) for result in results if result.status in (200, 201) and result.document_id}
    with contextlib.suppress(AssertionError):
        await eventually(lambda: _all_handled(world, accepted), seconds=HANDLED_WITHIN_S)
    documents = {row["id"]: row for row in await world.rows("records", DOCUMENTS)}
    lost = {row["id"] for row in await world.rows("records", LOST)}
    entries = Counter(
        {(r["document_id"], r["event_type"]): r["count"] for r in await world.rows("audit", ENTRIES, moment)}
    )
    alerts = Counter({row["document_id"]: row["count"] for row in await world.rows("notify", ALERTS)})
    kept = {id for id in accepted if id in documents}
    announced = {id for id in accepted if any(entries[id, kind] for kind in KINDS)}
    gone = accepted - kept - lost
    dead = {name: (await world.rows(name, PARKED))[0][0] for name in NAMES}
    wrong = [fault for record in seen for fault in record.wrong()]
    unmasked = [fault for record in masks for fault in record.wrong()]
    return [
        equal("documents published", len(kept), sum(documents[id]["status"] == "published" for id in kept)),
        equal(
            "tracked as audited and alerted",
            len(kept),
            sum(documents[id]["audited"] and documents[id]["told"] for id in kept),
        ),
        Check("told as lost to their depositor", "told", str(len(lost)), None),
        equal("neither kept nor lost, though a topic carried them", 0, len(gone & announced), gone & announced),
        *(
            equal(f"ledger: {kind}, one entry each", len(kept), sum(entries[id, kind] == 1 for id in kept))
            for kind in KINDS
        ),
        equal(
            "ledger: entries more than one", 0, sum(count > 1 for (id, _), count in entries.items() if id in accepted)
        ),
        equal("alerts, one each", len(kept), sum(alerts[id] == 1 for id in kept)),
        equal("reads under an old right", 0, len(wrong), wrong),
        equal("reads of a masked document", 0, len(unmasked), unmasked),
        Check("masks; reads permitted and refused", "some", _told(masks), None),
        equal("dead letters", 0, sum(dead.values()), [f"{name}: {count}" for name, count in dead.items() if count]),
        await _check_erased(world),
    ]


def _told(masks: list[Seen]) -> str:
    statuses = Counter(status for seen in masks for _, _, status in seen.reads)
    return f"{sum(len(seen.forbidden) for seen in masks)}; {statuses[200]}, {statuses[404]}"


async def _all_handled(world: World, accepted: set[UUID]) -> bool:
    rows = [row for row in await world.rows("records", DOCUMENTS) if row["id"] in accepted]
    done = all(
        row["status"] != "received" and row["audited"] and (row["told"] or row["status"] == "refused") for row in rows
    )
    return done and await _left(world) == set()


async def _check_erased(world: World) -> Check:
    left = await _left(world)
    return equal("erased persons that are back", 0, len(left), sorted(left))


async def _left(world: World) -> set[str]:
    """Returns the tables in which an erased record's id occurs, by service."""
    names = set()
    for name in NAMES:
        dsn = owner_dsn(world.stack.postgres, world.stack.secrets, name)
        superuser = world.stack.postgres.dsn(name)
        besides = KEPT_HERE | {"erasures", "suppressed_fingerprints", "lost_documents"}
        tables = await tables_with(Database(name, name, superuser, dsn), world.erased, besides=besides)
        names |= {f"{name}.{table}" for table in tables}
    return names


def show(console: Console, outcome: Outcome) -> None:
    """Prints a table."""
    table = Table(f"{outcome.service} lost commits", "wanted", "found", "")
    for check in outcome.checks:
        mark = "" if check.holds is None else "[green]holds[/green]" if check.holds else "[red]BROKEN[/red]"
        table.add_row(check.name, check.wanted, check.measured, mark)
    console.print(table)
    if outcome.recovered is not None:
        console.print(f"recover: {outcome.recovered}")
    for check in outcome.checks:
        for example in check.examples:
            console.print(f"[red]{check.name}[/red]: {example}")


def main(
    services: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(NAMES)}; all without one.")] = None,
    gap: Annotated[float, typer.Option(help="Seconds of commits that are lost.", min=0.5)] = 12,
    deposits: Annotated[int, typer.Option(help="How many documents.", min=1)] = 400,
    rate: Annotated[float, typer.Option(help="Deposits per second.", min=0.1)] = 12,
    deadline: Annotated[float, typer.Option(help="Seconds for each service.", min=60)] = 600,
) -> None:
    """Lose commits while everything runs."""
    console, broken = Console(width=120), False
    for service in services or NAMES:
        work = partial(_within, service=service, gap=gap, deposits=deposits, rate=rate, deadline=deadline)
        try:
            outcome = run_in_folder("restore", work)
        except TimeoutError:
            raise SystemExit(f"error: {service}: not done after {deadline:.0f} s") from None
        show(console, outcome)
        broken = broken or any(check.holds is False for check in outcome.checks)
    raise SystemExit(int(broken))


async def _within(folder: Path, *, service: str, gap: float, deposits: int, rate: float, deadline: float) -> Outcome:
    async with asyncio.timeout(deadline):
        return await play(folder, service, gap, deposits, rate)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
