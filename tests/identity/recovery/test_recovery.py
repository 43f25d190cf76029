"""What identity announces anew, and the erasures that it exports outside its backups and repeats after a restore."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
import pytest_asyncio

from services.identity.app import make_recovery
from services.identity.kit.unit_of_work import Storage
from services.identity.recovery.adapters import ExportInvalidError
from services.identity.recovery.steps import state_sources
from services.identity.recovery.usecases.export_erasures import EXPORTED_AT, ExportRules, export_erasures, watch_exports
from services.identity.recovery.usecases.repeat_erasures import repeat_erasures
from shared.contracts.audit import OperatorActed
from shared.contracts.identity import RecordErased
from shared.db.pool import Pool, create_pool, transaction
from shared.messaging.outbox.announce_anew import NothingToAnnounceError, announce_anew
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.outbox.recovery import AnnouncingNeededError, recover
from shared.runtime import clock
from tests.infra.erasure.erasures import KEYRINGS
from tests.infra.identity.identity_api import administrator, open_one, query, settings_of
from tests.infra.messaging.operators import OPERATOR
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics

ENTRIES = "select payload, xmin::text as transaction from outbox where event_type = $1 order by id"
SESSION = """
insert into sessions (bucket, id, record_id, device_id, started_at, expires_at)
values ($1, $2, $3, $4, now(), now() + interval '1 day')"""
ALIVE = "select id from sessions where ended_at is null"
FORMER_CLUSTER = """
insert into outbox_offsets (topic, partition, cluster_id, next_offset) values ('identity.records.v1', 0, 'former', 7)"""
BODY = "select topic, key, payload from outbox order by id"
EVERYTHING_BUT = frozenset({"sealed", "occurred_at"})


@pytest_asyncio.fixture(name="pool")
async def make_pool(database: Database) -> AsyncIterator[Pool]:
    pool = await create_pool(settings_of(database).postgres, application="tests")
    yield pool
    pool.terminate()


async def erase(client: httpx2.AsyncClient, record_id: UUID) -> None:
    answer = await client.post(f"/records/{record_id}/erase", json={"reason": "gdpr-decision"}, headers=administrator())
    assert answer.status_code == 202


def exports(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def newest_states(database: Database) -> dict[tuple[str, bytes], object]:
    """The last announced state of each key, without what is sealed anew each time."""
    states: dict[tuple[str, bytes], object] = {}
    for row in await query(database, BODY):
        if row["topic"].startswith(("identity.records", "identity.people", "identity.contacts", "identity.prof")):
            body = orjson.loads(row["payload"])
            states[row["topic"], bytes(row["key"])] = {k: v for k, v in body.items() if k not in EVERYTHING_BUT}
    return states


async def test_the_states_that_are_announced_anew_are_those_that_were_announced(
    client: httpx2.AsyncClient, database: Database, pool: Pool
) -> None:
    for number in (1, 2, 3):
        await open_one(client, number)
    before = await newest_states(database)
    assert {topic for topic, _ in before} >= {"identity.records.v1", "identity.contacts.v1"}
    anew = {}
    for source in state_sources(KEYRINGS):
        position: str | None = ""
        while position is not None:
            async with transaction(pool) as connection:
                page = await source.load(connection, position)
            for announcement in page.announcements:
                body = orjson.loads(announcement.body or b"")
                anew[announcement.topic.name, announcement.key.encode()] = {
                    k: v for k, v in body.items() if k not in EVERYTHING_BUT
                }
            position = page.position
    assert {place: anew.get(place) for place in before} == before


async def test_a_restored_database_erases_whom_the_newest_export_names(
    client: httpx2.AsyncClient, database: Database, pool: Pool, tmp_path: Path
) -> None:
    rules = ExportRules(tmp_path, 3600, 2)
    kept, erased = await open_one(client, 1), await open_one(client, 2)
    assert await export_erasures(pool, rules, clock.now() - timedelta(hours=2)) == 0
    await erase(client, erased)
    assert await export_erasures(pool, rules, clock.now() - timedelta(hours=1)) == 1
    assert await export_erasures(pool, rules, clock.now()) == 1
    files = exports(tmp_path)
    assert len(files) == 2
    newest = files[-1].read_text()
    assert str(erased) in newest
    assert str(kept) not in newest

    other = await open_one(client, 3)
    storage = Storage(pool, KEYRINGS)
    assert await repeat_erasures(storage, tmp_path, OPERATOR) == 0
    event = RecordErased.model_validate_json(newest.splitlines()[0])
    lost = event.model_copy(update={"record_id": other, "erasure_id": clock.new_id(clock.bucket_of(other))})
    files[-1].write_text(f'{lost.model_dump_json()}\n{{"erasures": 1}}\n')
    assert await repeat_erasures(storage, tmp_path, OPERATOR) == 1
    [(act, wrote)] = await acts(database)
    assert (act.actor, act.action, act.subject_id) == (OPERATOR, "repeat-erasure", str(other))
    erasures = await query(database, "select xmin::text from erasures where record_id = $1", other)
    assert [row["xmin"] for row in erasures] == [wrote]
    remaining = {row["id"] for row in await query(database, "select id from records")}
    assert (kept in remaining, other in remaining) == (True, False)
    assert await repeat_erasures(storage, tmp_path, OPERATOR) == 0
    assert len(await acts(database)) == 1


async def test_a_refused_recovery_ends_no_session_erases_nobody_and_enters_nothing(
    client: httpx2.AsyncClient, database: Database, pool: Pool, kafka: Topics, tmp_path: Path
) -> None:
    kept, lost = await open_one(client, 1), await open_one(client, 2)
    await query(database, SESSION, clock.bucket_of(kept), clock.new_id(clock.bucket_of(kept)), kept, uuid4())
    event = RecordErased(
        record_id=lost,
        erasure_id=clock.new_id(clock.bucket_of(lost)),
        reason="gdpr-decision",
        decided_at=clock.now(),
    )
    file = tmp_path / "erasures-20260101T000000Z.jsonl"
    file.write_text(f'{event.model_dump_json()}\n{{"erasures": 1}}\n')
    recovery = make_recovery(settings_of(database, erasures={"folder": tmp_path}))
    connect, topics = log_factory(kafka.settings("identity"), "identity"), topics_of("identity")
    prepare = partial(recovery.prepare, pool, OPERATOR, True)

    with pytest.raises(NothingToAnnounceError):
        await announce_anew(pool, connect, topics, recovery.states, OPERATOR, prepare)
    await query(database, FORMER_CLUSTER)
    with pytest.raises(AnnouncingNeededError):
        await recover(pool, connect, topics, recovery, OPERATOR)
    assert {row["id"] for row in await query(database, "select id from records")} == {kept, lost}
    assert len(await query(database, ALIVE)) == 1
    assert await acts(database) == []

    announced = await announce_anew(pool, connect, topics, recovery.states, OPERATOR, prepare)
    assert announced.erased_again == 1
    assert {row["id"] for row in await query(database, "select id from records")} == {kept}
    assert await query(database, ALIVE) == []
    assert [act.action for act, _ in await acts(database)] == ["announce-anew", "repeat-erasure"]


async def acts(database: Database) -> list[tuple[OperatorActed, str]]:
    """Returns the unsent entries of operators' acts, each with its transaction."""
    rows = await query(database, ENTRIES, OperatorActed.ce_type)
    return [(OperatorActed.model_validate_json(row["payload"]), row["transaction"]) for row in rows]


def test_a_restarted_worker_goes_on_with_the_age_of_the_newest_export(tmp_path: Path) -> None:
    rules, now = ExportRules(tmp_path, 3600, 2), clock.now()
    watch_exports(rules, now)
    assert exported_at() == now.timestamp()
    file = tmp_path / "erasures-20260101T000000Z.jsonl"
    file.touch()
    os.utime(file, (1_000, 1_000))
    watch_exports(rules, now)
    assert exported_at() == 1_000


def exported_at() -> float:
    [metric] = EXPORTED_AT.collect()
    return metric.samples[0].value


async def test_a_restored_database_exports_also_whom_the_newest_file_names(
    client: httpx2.AsyncClient, database: Database, pool: Pool, tmp_path: Path
) -> None:
    rules, now = ExportRules(tmp_path, 3600, 2), clock.now()
    record, other = await open_one(client, 1), await open_one(client, 2)
    await erase(client, other)
    await export_erasures(pool, rules, now - timedelta(hours=2))
    [file] = exports(tmp_path)
    event = RecordErased.model_validate_json(file.read_text().splitlines()[0])
    lost = event.model_copy(update={"record_id": record, "erasure_id": clock.new_id(clock.bucket_of(record))})
    file.write_text(f'{event.model_dump_json()}\n{lost.model_dump_json()}\n{{"erasures": 2}}\n')

    assert await export_erasures(pool, rules, now - timedelta(hours=1)) == 2
    assert await export_erasures(pool, rules, now) == 2
    assert await repeat_erasures(Storage(pool, KEYRINGS), tmp_path, OPERATOR) == 1
    assert await query(database, "select id from records") == []


@pytest.mark.parametrize("content", ["", '{"erasures": 1}\n', "nonsense\n", '{"erasures": 0}'[:-3]])
async def test_an_export_that_was_cut_off_erases_nobody(pool: Pool, tmp_path: Path, content: str) -> None:
    (tmp_path / "erasures-20260101T000000Z.jsonl").write_text(content)
    with pytest.raises(ExportInvalidError):
        await repeat_erasures(Storage(pool, KEYRINGS), tmp_path, OPERATOR)


async def test_without_a_folder_or_a_file_nothing_is_repeated(pool: Pool, tmp_path: Path) -> None:
    assert await repeat_erasures(Storage(pool, KEYRINGS), None, OPERATOR) == 0
    assert await repeat_erasures(Storage(pool, KEYRINGS), tmp_path, OPERATOR) == 0
