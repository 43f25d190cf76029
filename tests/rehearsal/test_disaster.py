"""Five databases are lost and come back at five different moments, beside the old Kafka and beside an empty one; then
all go back to another region at a chosen moment.

The commands are those of docs/disaster.md. Counted: nothing that was acknowledged before every backup is lost; what is
younger is here, listed as lost, or younger than every database; each entry and alert comes once; erased persons stay
erased; no right is wider than the last that any database remembers.
"""

import asyncio
import json
import re
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, RefusedError, connect
from deploy.local.demo.credentials import ADMINISTRATOR, DOCTOR, PROFESSIONALS, session_of
from deploy.local.platform import endpoints
from deploy.local.platform.databases import owner_dsn
from deploy.local.platform.services import NAMES
from deploy.local.platform.stack import Stack
from shared.contracts.topics import TOPICS
from shared.messaging.topics.grants import ADMIN
from tests.chaos.topic_records import partitions_of, read_to_end, topic_reader
from tests.e2e.acting import Scene, set_scene
from tests.e2e.test_backup import KEPT_OF_ERASED, NEW_KEY, Operator
from tests.infra.erasure.erasing import tables_with
from tests.infra.platform.databases import Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.waiting import eventually

PAGE = (ROOT / "docs" / "disaster.md").read_text("utf-8")
STEPS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
BACK_UP, RESTORE, MAKE_TOPICS, RECOVER_IDENTITY, RECOVER, ANNOUNCE, CHECK, WITHHOLD = STEPS[:8]
BACK_UP_ALL, PUT_ASIDE, DROP = STEPS[8:]
EXPORT_EVERY_S = "1"
DONE_WITHIN_S = 120.0
KINDS = ("records.document-received.v1", "consent.deposit-decided.v1", "records.document-published.v1")
DOCUMENTS = "select id, status, audited_at is not null and alert_handled_at is not null as is_done from documents"
ENTRIES = """
select document_id, event_type, count(*) as count from ledger_entries
where document_id is not null and occurred_at >= $1 group by document_id, event_type"""
ALERTS = "select document_id, count(*) as count from alerts where kind = 'document' group by document_id"
LOST = "select document_id as id from lost_documents"
APIS = [*(f"{name}-api" for name in NAMES), "records-mllp"]
WORKERS = [*(f"{name}-worker" for name in NAMES), "records-extract"]


@dataclass
class Region:
    """A running installation, its operator, and what it was asked to do."""

    operator: Operator
    exports: Path
    reports: Path
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    timings: dict[str, float] = field(default_factory=dict)
    closed: list[Scene] = field(default_factory=list)
    """Records whose closing identity has lost and nobody has decided again."""

    @property
    def stack(self) -> Stack:
        return self.operator.stack

    async def rows(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.stack.postgres.dsn(service))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def lose_databases(self) -> None:
        """Kills every process of the services, and drops the five databases."""
        running = self.stack.pids
        await asyncio.gather(*(self.stack.kill(name, restart=False) for name in (*APIS, *WORKERS) if name in running))
        admin = await asyncpg.connect(self.stack.postgres.dsn())
        try:
            for name in NAMES:
                await admin.execute(f'drop database "{name}" with (force)')
        finally:
            await admin.close()

    async def effects(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Returns how often each document with its state, each listed loss, and each entry and alert is there."""
        tables = {
            "documents": await self.rows("records", DOCUMENTS),
            "lost": await self.rows("records", LOST),
            "entries": await self.rows("audit", ENTRIES, self.began),
            "alerts": await self.rows("notify", ALERTS),
        }
        return {name: Counter(tuple(row.values()) for row in rows) for name, rows in tables.items()}

    async def lose_kafka(self) -> None:
        """Kills the broker and deletes its disk. Starts another one, which is empty."""
        await self.stack.kill("kafka", restart=False)
        shutil.rmtree(self.stack.layout.kafka)
        await self.stack.start_again("kafka")

    async def start(self, names: Iterable[str]) -> None:
        await asyncio.gather(*(self.stack.start_again(name) for name in names))

    async def check(self) -> dict[str, dict[str, Any]]:
        """Runs the check of the page. Returns the reports of those services that miss something."""
        output = await self.operator.run(CHECK, REPORTS=str(self.reports))
        incomplete = set(re.findall(r"^(\w+): something is missing$", output, re.MULTILINE))
        return {name: json.loads((self.reports / f"{name}.json").read_text()) for name in incomplete}

    async def checked(self) -> dict[str, dict[str, Any]]:
        """Checks until nothing is on its way any more. Returns the reports of those that still miss something."""

        async def settled() -> tuple[dict[str, dict[str, Any]]] | None:
            reports = await self.check()
            under_way = ("unread", "parked", "missing", "lost", "to_announce")
            return None if any(report[name] for report in reports.values() for name in under_way) else (reports,)

        return (await eventually(settled, seconds=DONE_WITHIN_S))[0]

    async def left_of(self, record_ids: list[UUID]) -> set[str]:
        """Returns where one of these records still occurs: tables, and keys of compacted topics with a state."""
        left = set()
        for name in NAMES:
            dsn = owner_dsn(self.stack.postgres, self.stack.secrets, name)
            kept = KEPT_OF_ERASED | {"sent_facts"}
            tables = await tables_with(Database(name, name, dsn, dsn), record_ids, besides=kept)
            left |= {f"{name}.{table}" for table in tables}
        keys = {str(id).encode() for id in record_ids}
        return left | {f"topic {topic}" for topic, key in await asyncio.to_thread(self._states) if key in keys}

    def _states(self) -> set[tuple[str, bytes]]:
        """Returns topic and key of every state that a new reader of the compacted topics would keep."""
        states: set[tuple[str, bytes]] = set()
        names = [topic.name for topic in TOPICS if topic.kind == "state"]
        with topic_reader(self.stack) as reader:
            for message in read_to_end(reader, partitions_of(reader, names)):
                place = (message.topic() or "", message.key() or b"")
                (states.discard if message.value() is None else states.add)(place)
        return states


@dataclass
class Story:
    """What happened around the backups. Documents by what can be known of them afterwards."""

    scenes: list[Scene]
    before: list[UUID] = field(default_factory=list)
    in_records: list[UUID] = field(default_factory=list)
    elsewhere: list[UUID] = field(default_factory=list)
    after: list[UUID] = field(default_factory=list)
    document: str = ""

    @property
    def accepted(self) -> set[UUID]:
        return {*self.before, *self.in_records, *self.elsewhere, *self.after}


@pytest_asyncio.fixture(scope="module", name="region")
async def make_region(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Region]:
    folder = tmp_path_factory.mktemp("disaster")
    folder.chmod(0o711)
    exports, reports = folder / "exports", folder / "reports"
    exports.mkdir()
    reports.mkdir()
    settings = {"IDENTITY_ERASURES__FOLDER": str(exports), "IDENTITY_ERASURES__EVERY_S": EXPORT_EVERY_S}
    async with Stack(folder / "var", environment=settings) as stack:
        await bootstrap(stack.layout)
        operator = Operator(stack, folder)
        operator.prepare()
        operator.environment |= {"OPERATOR": "jane", **topics_connection(stack)}
        await operator.run(NEW_KEY)
        yield Region(operator, exports, reports)


def topics_connection(stack: Stack) -> dict[str, str]:
    login = stack.kafka.credentials(ADMIN)
    values = {
        "BOOTSTRAP": stack.kafka.bootstrap,
        "USERNAME": login.username,
        "PASSWORD": login.password,
        "PROFILE": "local",
    }
    return {f"TOPICS_KAFKA__{name}": value for name, value in values.items()}


async def play(region: Region, dmp: Dmp) -> Story:
    """Lets people and hospitals act, and backs up one service after another meanwhile: consent first, audit last."""
    story = Story([await set_scene(region.stack, dmp) for _ in range(5)])
    ended, closed, doomed, late, other = story.scenes
    for scene in story.scenes:
        story.before.append(await deposit(scene))
    story.document = str(story.before[0])
    await change_authorisation(ended, "PUT")
    assert await read(ended, story.document) == 200

    await back_up(region, "consent")
    await change_authorisation(ended, "DELETE")
    story.in_records += [await deposit(scene) for scene in (ended, other)]
    await back_up(region, "identity")
    await erase(region, doomed)
    await close(closed)
    story.in_records.append(await deposit(other))
    await back_up(region, "records")
    story.elsewhere += [await deposit(scene) for scene in (other, ended)]
    await back_up(region, "notify")
    story.elsewhere.append(await deposit(other))
    await back_up(region, "audit")
    story.after += [await deposit(other) for _ in range(2)]
    await erase(region, late)
    return story


async def back_up(region: Region, service: str) -> None:
    await region.operator.run(BACK_UP, service=service)


async def deposit(scene: Scene) -> UUID:
    """Deposits a document and waits until it is published, in the ledger, and alerted. Returns its id."""
    return UUID((await scene.done(await scene.deposit()))["document_id"])


async def change_authorisation(scene: Scene, method: str) -> None:
    path = f"/records/{scene.record_id}/authorisations/{PROFESSIONALS[DOCTOR].id}"

    async def in_force() -> bool:
        answer = await scene.holder.call(method, "consent", path, headers={"prefer": "wait=10"})
        return answer.status_code == 200

    await eventually(in_force)


def administrator_of(scene: Scene) -> Any:
    return session_of(scene.dmp, endpoints.read(scene.stack.layout)["credentials"], ADMINISTRATOR)


async def close(scene: Scene) -> None:
    """Closes the record, and waits until that is in force at records."""
    await scene.holder.call("POST", "identity", f"/records/{scene.record_id}/close", json={})

    async def in_force() -> bool:
        answer = await administrator_of(scene).call("GET", "identity", f"/records/{scene.record_id}")
        return bool(answer.json()["status"] == "in-force")

    await eventually(in_force)


async def erase(region: Region, scene: Scene) -> None:
    """Erases the record, and waits until nothing is left and an export names it."""
    await administrator_of(scene).call(
        "POST", "identity", f"/records/{scene.record_id}/erase", json={"reason": "gdpr-decision"}
    )

    async def is_gone() -> bool:
        newest = max(region.exports.glob("*.jsonl"), default=None)
        is_exported = newest is not None and scene.record_id in newest.read_text()
        return is_exported and not await region.left_of([UUID(scene.record_id)])

    await eventually(is_gone, seconds=DONE_WITHIN_S)


async def read(scene: Scene, document: str) -> int:
    """Returns the status that the doctor gets for the document."""
    doctor = session_of(scene.dmp, endpoints.read(scene.stack.layout)["credentials"], DOCTOR)
    try:
        return (await doctor.call("GET", "records", f"/fhir/Binary/{document}")).status_code
    except RefusedError as error:
        return error.status


async def refused_for_good(scene: Scene, document: str) -> bool:
    """Whether the read is refused for good. Until then nothing but a refusal is answered."""
    status = await read(scene, document)
    assert status in (401, 404, 503), status
    return status == 404


async def restore(region: Region, *, kafka_is_lost: bool) -> None:
    """Follows the page up to the workers' start."""
    began = time.monotonic()
    await region.lose_databases()
    if kafka_is_lost:
        await region.lose_kafka()
    await region.operator.run(RESTORE)
    await region.operator.run(MAKE_TOPICS if kafka_is_lost else RECOVER_IDENTITY, REPORTS=str(region.reports))
    await region.start(WORKERS)
    region.timings["databases and workers"] = time.monotonic() - began


async def stop(region: Region, names: Iterable[str]) -> None:
    await asyncio.gather(*(region.stack.stop(name) for name in names))


async def announces_nothing(region: Region, service: str) -> bool:
    """Whether the relay of the service has noticed the loss."""
    return "outbox_recovery_needed 1.0" in await region.operator.run(
        f"curl --silent --max-time 5 {region.stack.url(service, 'worker')}/metrics"
    )


async def count(region: Region, story: Story, *, here: set[UUID], lost: set[UUID]) -> None:
    """Checks which documents are here and which are listed as lost, that each effect came once, and the erasures."""
    erased = [UUID(scene.record_id) for scene in (story.scenes[2], story.scenes[3])]

    async def handled() -> bool:
        rows = {row["id"]: row for row in await region.rows("records", DOCUMENTS)}
        return all(id in rows and rows[id]["status"] == "published" and rows[id]["is_done"] for id in here)

    await eventually(handled, seconds=DONE_WITHIN_S)
    present = {row["id"] for row in await region.rows("records", DOCUMENTS)} & story.accepted
    listed = {row["id"] for row in await region.rows("records", LOST)}
    assert present == here
    assert listed & story.accepted == lost
    entries = Counter(
        {
            (row["document_id"], row["event_type"]): row["count"]
            for row in await region.rows("audit", ENTRIES, region.began)
        }
    )
    alerts = Counter({row["document_id"]: row["count"] for row in await region.rows("notify", ALERTS)})
    assert {(id, kind): entries[id, kind] for id in here for kind in KINDS} == {
        (id, kind): 1 for id in here for kind in KINDS
    }
    assert {id: alerts[id] for id in here} == dict.fromkeys(here, 1)
    twice = [place for place, number in entries.items() if number > 1 and place[1] in KINDS]
    assert (twice, max(alerts.values())) == ([], 1)
    assert await eventually(lambda: nothing_left(region, erased), seconds=DONE_WITHIN_S)


async def nothing_left(region: Region, erased: list[UUID]) -> bool:
    return await region.left_of(erased) == set()


def erased_documents(story: Story) -> set[UUID]:
    return {story.before[2], story.before[3]}


async def test_beside_the_old_kafka_everything_that_a_topic_held_comes_back(region: Region) -> None:
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        story = await play(region, dmp)
    began = time.monotonic()
    await restore(region, kafka_is_lost=False)
    for service in ("consent", "records"):
        await eventually(lambda: announces_nothing(region, service))  # noqa: B023  # awaited in its round
    await region.operator.run(RECOVER, REPORTS=str(region.reports))
    await region.start(APIS)
    region.timings["beside the old Kafka: to the APIs"] = time.monotonic() - began
    region.closed.append(story.scenes[1])
    assert await region.checked() == {}

    here = {*story.before, *story.in_records} - erased_documents(story)
    await count(region, story, here=here, lost={*story.elsewhere, *story.after})
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        ended = replace(story.scenes[0], dmp=dmp)
        assert await eventually(lambda: refused_for_good(ended, story.document))
        await deposit(await set_scene(region.stack, dmp))
    print(json.dumps(region.timings))


async def test_beside_an_empty_kafka_everything_that_a_database_held_comes_back(region: Region) -> None:
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        story = await play(region, dmp)
    region.closed.append(story.scenes[1])
    began = time.monotonic()
    await restore(region, kafka_is_lost=True)
    for service in ("identity", "consent", "records", "audit", "notify"):
        await eventually(lambda: announces_nothing(region, service))  # noqa: B023  # awaited in its round
    assert all(report["cluster"] == "another" for report in (await region.check()).values())
    await region.operator.run(ANNOUNCE, REPORTS=str(region.reports))
    region.timings["beside an empty Kafka: announced"] = time.monotonic() - began
    reports = await region.checked()
    ahead = {(copy["topic"], copy["key"]) for report in reports.values() for copy in report["ahead"]}
    assert ahead == {("identity.records.v1", scene.record_id) for scene in region.closed}
    await region.operator.run(WITHHOLD, REPORTS=str(region.reports))
    await region.start(APIS)
    region.timings["beside an empty Kafka: to the APIs"] = time.monotonic() - began

    here = {*story.before, *story.in_records} - erased_documents(story)
    await count(region, story, here=here, lost=set(story.elsewhere))
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        scenes = [replace(scene, dmp=dmp) for scene in (story.scenes[0], *region.closed)]
        assert await eventually(lambda: refused_for_good(scenes[0], story.document))
        assert await read(scenes[-1], str(story.before[1])) in (404, 503)
        for scene in scenes[1:]:
            await close(scene)
        assert await region.checked() == {}
        await deposit(await set_scene(region.stack, dmp))
    print(json.dumps(region.timings))


async def test_on_the_way_back_to_another_region_everything_is_there_once_as_before(region: Region) -> None:
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        ended, doomed, other = [await set_scene(region.stack, dmp) for _ in range(3)]
        documents = [await deposit(scene) for scene in (ended, doomed, other)]
        await change_authorisation(ended, "PUT")
        assert await read(ended, str(documents[0])) == 200
        await change_authorisation(ended, "DELETE")
        await erase(region, doomed)
    began = time.monotonic()
    await stop(region, APIS)
    assert await region.checked() == {}
    before = await region.effects()
    assert all((documents[place], "published", True) in before["documents"] for place in (0, 2))
    await stop(region, WORKERS)
    await region.operator.run(BACK_UP_ALL)

    await region.operator.run(PUT_ASIDE)
    await region.lose_kafka()
    await region.operator.run(RESTORE)
    await region.operator.run(MAKE_TOPICS)
    await region.start(WORKERS)
    for service in NAMES:
        await eventually(lambda: announces_nothing(region, service))  # noqa: B023  # awaited in its round
    await region.operator.run(ANNOUNCE, REPORTS=str(region.reports))
    assert await region.checked() == {}
    await region.start(APIS)
    region.timings["the way back: from the stop to the start of the APIs"] = time.monotonic() - began

    assert await region.effects() == before
    assert await eventually(lambda: nothing_left(region, [UUID(doomed.record_id)]), seconds=DONE_WITHIN_S)
    async with connect(endpoints.read(region.stack.layout)) as dmp:
        assert await eventually(lambda: refused_for_good(replace(ended, dmp=dmp), str(documents[0])))
        await deposit(await set_scene(region.stack, dmp))
    await region.operator.run(DROP)
    print(json.dumps(region.timings))
