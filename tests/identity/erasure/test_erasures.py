"""Erasure in identity: on a decision, after ten years, through a crash; nothing left, acknowledged, with a receipt."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from services.identity.erasure.domain import longest_retention, verified_receipt
from services.identity.erasure.steps.collect_acknowledgements import WriterMismatchError
from services.identity.erasure.steps.destruction import destroy_record_data
from services.identity.erasure.usecases.erase_record import erase_record
from services.identity.erasure.usecases.recover_commits import erase_again_and_end_sessions
from services.identity.erasure.usecases.sweep_retention import sweep_retention
from services.identity.erasure.usecases.watch_erasures import OVERDUE, watch_erasures
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle import store as lifecycle
from shared.contracts.declarations import SERVICES
from shared.contracts.identity import RecordErased
from shared.contracts.topics import IDENTITY_ERASURES
from shared.db.pool import create_pool, transaction
from shared.erasure import erased_records
from shared.erasure.erased_records import ErasureFinisher
from shared.errors import CodedError
from shared.messaging.outbox import append
from shared.messaging.outbox.lost import SentRecord
from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime import clock
from tests.infra.erasure.erasures import ERASURE, KEYRINGS, LIFECYCLE, PLACES, Life
from tests.infra.http.tokens import bearer, make_token, patient_token
from tests.infra.identity.identity_api import administrator, nir, open_one, opening, query, settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import DEADLINE_S

ROOT = Path(__file__).parents[3]
KEPT = {"erased_records", "erasures", "erasure_acknowledgements", "outbox"}
"""Where the id of an erased record stays: the memory of the erasure itself, and what is told of it."""
DECISION = {"reason": "gdpr-decision"}


@pytest_asyncio.fixture
async def life(database: Database) -> AsyncIterator[Life]:
    pool = await create_pool(settings_of(database).postgres, application="tests")
    yield Life(pool)
    pool.terminate()


async def erase(client: httpx2.AsyncClient, record_id: UUID) -> httpx2.Response:
    return await client.post(f"/records/{record_id}/erase", json=DECISION, headers=administrator())


async def close(client: httpx2.AsyncClient, record_id: UUID) -> None:
    answer = await client.post(f"/records/{record_id}/close", json={}, headers=bearer(patient_token(record_id)))
    assert answer.status_code == 200, answer.text


async def ids_of(database: Database, record_id: UUID) -> list[str]:
    rows = await query(database, "select person_id from records where id = $1", record_id)
    return [str(record_id), *(str(row["person_id"]) for row in rows)]


async def tables_with(database: Database, texts: list[str]) -> set[str]:
    """Every table of the database in which one of these texts stands somewhere."""
    tables = await query(
        database,
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition",
    )
    matching = set()
    for row in tables:
        name = row["relname"]
        sql = f'select exists (select from "{name}" t where t::text like any($1::text[]))'
        if (await query(database, sql, [f"%{text}%" for text in texts]))[0][0]:
            matching.add(name)
    return matching


async def unsent(database: Database) -> list[tuple[str, bool]]:
    rows = await query(database, "select topic, payload is null as gone from outbox order by id")
    return [(row["topic"], row["gone"]) for row in rows]


async def test_an_erasure_leaves_nothing_of_the_record_and_the_person(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    ids = await ids_of(database, record_id)
    assert {"records", "persons", "contacts", "ins_fingerprints"} <= await tables_with(database, ids)
    answer = await erase(client, record_id)
    assert (answer.status_code, answer.json()["state"]) == (202, "under-way")
    assert answer.json()["missing"] == sorted(SERVICES)
    assert await tables_with(database, ids) <= KEPT
    messages = await unsent(database)
    tombstones = {topic for topic, gone in messages if gone}
    assert {"identity.records.v1", "identity.contacts.v1", "identity.people.v1"} <= tombstones
    assert {topic for topic, gone in messages if not gone} == {"identity.accesses.v1", "identity.erasures.v1"}
    rows = await query(database, "select reason, fingerprint from opening_suppressions")
    assert [row["reason"] for row in rows] == ["erased"]
    assert nir() not in rows[0]["fingerprint"]
    response = await client.get(f"/records/{record_id}", headers=administrator())
    assert (response.status_code, response.json()["code"]) == (404, "record-unknown")


async def test_every_table_that_names_a_record_is_among_those_that_are_emptied(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    statements: list[str] = []
    async with life.pool.acquire() as pooled:
        connection: Any = pooled
        with connection.query_logger(lambda record: statements.append(record.query)):
            lifecycle_record = await lifecycle.load_lifecycle_record(connection, record_id)
            assert lifecycle_record is not None
            async with connection.transaction():
                await destroy_record_data(UnitOfWork(connection, KEYRINGS), lifecycle_record, clock.now())
    emptied = set(re.findall(r"delete from (\w+)", " ".join(statements)))
    rows = await query(
        database,
        "select distinct c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "join pg_attribute a on a.attrelid = c.oid and a.attname in ('record_id', 'person_id') "
        "where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition",
    )
    assert {row["relname"] for row in rows} - KEPT <= emptied


async def test_a_record_that_a_restored_database_brings_back_is_erased_again_under_the_same_erasure(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    ids = await ids_of(database, record_id)
    await query(database, "delete from outbox")
    erasure_id = clock.new_id(clock.bucket_of(record_id))
    event = RecordErased(record_id=record_id, erasure_id=erasure_id, reason="gdpr-decision", decided_at=clock.now())
    for expected in (True, False):
        async with transaction(life.pool) as connection:
            announcements = await erase_again_and_end_sessions(connection, [lost(event)], keyrings=KEYRINGS)
            await append(connection, announcements)
        assert bool(announcements) is expected
    assert await tables_with(database, ids) <= KEPT
    assert {topic for topic, gone in await unsent(database) if gone} >= {"identity.records.v1", "identity.contacts.v1"}
    [erasure] = await query(database, "select id, record_id from erasures")
    assert (erasure["id"], erasure["record_id"]) == (event.erasure_id, record_id)
    alive = "select count(*) from sessions where ended_at is null"
    assert (await query(database, alive))[0][0] == 0


def lost(event: RecordErased) -> SentRecord:
    """An erasure that only the topic still holds."""
    body = event.model_dump_json().encode()
    return SentRecord(TopicPartition(IDENTITY_ERASURES.name, 0), 7, event.key, uuid4(), event.ce_type, body)


async def test_a_restored_database_counts_the_acknowledgements_that_it_read_before_it_recovered(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    erasure_id = clock.new_id(clock.bucket_of(record_id))
    event = RecordErased(record_id=record_id, erasure_id=erasure_id, reason="gdpr-decision", decided_at=clock.now())
    await life.acknowledge(record_id, erasure_id, *SERVICES)

    async with transaction(life.pool) as connection:
        announcements = await erase_again_and_end_sessions(connection, [lost(event)], keyrings=KEYRINGS)
        await append(connection, announcements)
    assert [row["receipt"] for row in await query(database, "select receipt from erasures")] == [None]
    await life.acknowledge(record_id, erasure_id, "identity")
    answer = await client.get(f"/erasures/{erasure_id}/receipt", headers=administrator())
    assert answer.status_code == 200


async def test_the_same_record_again_is_the_same_erasure(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    first, before = await erase(client, record_id), await unsent(database)
    again = await erase(client, record_id)
    assert again.json() == first.json()
    assert again.headers["location"] == f"/erasures/{first.json()['erasure_id']}"
    assert await unsent(database) == before


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token-invalid"),
        (administrator("records.open"), 403, "forbidden"),
        (bearer(make_token("operator", "o", scope="records.erase")), 403, "forbidden"),
        (bearer(make_token("professional", "8", scope="records.erase")), 403, "forbidden"),
    ],
)
async def test_nobody_else_erases_a_record(
    client: httpx2.AsyncClient, headers: dict[str, str], status: int, code: str
) -> None:
    record_id = await open_one(client)
    answers = [await client.post(f"/records/{record_id}/erase", json=DECISION, headers=headers)]
    answers.append(
        await client.post(f"/records/{record_id}/erase", json=DECISION, headers=bearer(patient_token(record_id)))
    )
    assert (answers[0].status_code, answers[0].json()["code"]) == (status, code)
    assert answers[1].status_code == 403
    assert (await client.get(f"/records/{record_id}", headers=administrator())).status_code == 200


async def test_what_was_never_there_or_cannot_be_stated_is_refused(client: httpx2.AsyncClient) -> None:
    assert (await erase(client, uuid4())).json()["code"] == "record-unknown"
    stated = {"reason": "retention-over"}
    record_id = await open_one(client)
    answer = await client.post(f"/records/{record_id}/erase", json=stated, headers=administrator())
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    for path in (f"/erasures/{uuid4()}", f"/erasures/{uuid4()}/receipt"):
        answer = await client.get(path, headers=administrator())
        assert (answer.status_code, answer.json()["code"]) == (404, "erasure-unknown")


async def test_an_erased_person_may_have_a_new_record_by_their_own_wish(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    await erase(client, record_id)
    answer = await client.post("/records", json=opening(), headers=administrator())
    assert answer.status_code == 202
    assert answer.json()["record_id"] != str(record_id)
    assert await query(database, "select * from opening_suppressions") == []


async def test_the_sweep_erases_what_was_closed_ten_years_ago_and_nothing_else(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    still_open, closed_late = await open_one(client, 1), await open_one(client, 2)
    closed = [await open_one(client, number) for number in (3, 4, 5)]
    for record_id in (*closed, closed_late):
        await close(client, record_id)
    later = clock.now() + timedelta(days=366 * 10)
    await query(database, "update closures set closed_at = $2 where record_id = $1", closed_late, later)
    assert await sweep_retention(Storage(life.pool, KEYRINGS), LIFECYCLE, clock.now()) == 0
    taken = [await sweep_retention(Storage(life.pool, KEYRINGS), LIFECYCLE, later, limit=2) for _ in range(3)]
    assert taken == [2, 1, 0]
    left = {row["id"] for row in await query(database, "select id from records")}
    assert left == {still_open, closed_late}
    reasons = {row["reason"] for row in await query(database, "select reason from erasures")}
    assert reasons == {"retention-over"}


async def test_records_that_cannot_be_erased_keep_no_others_though_they_fill_a_page(
    client: httpx2.AsyncClient, database: Database, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = [await open_one(client, number) for number in (1, 2, 3, 4)]
    for record_id in closed:
        await close(client, record_id)
    stuck = set(closed[:3])

    async def erase_some(*values: Any) -> Any:
        if values[2] in stuck:
            raise CodedError
        return await erase_record(*values)

    monkeypatch.setattr("services.identity.erasure.usecases.sweep_retention.erase_record", erase_some)
    later = clock.now() + timedelta(days=366 * 11)
    taken = [await sweep_retention(Storage(life.pool, KEYRINGS), LIFECYCLE, later, limit=2) for _ in range(2)]
    assert taken == [1, 0]
    assert {row["id"] for row in await query(database, "select id from records")} == stuck


async def acknowledged_erasure(client: httpx2.AsyncClient, life: Life) -> tuple[UUID, UUID]:
    record_id = await open_one(client)
    erasure_id = UUID((await erase(client, record_id)).json()["erasure_id"])
    await life.acknowledge(record_id, erasure_id, *SERVICES)
    return record_id, erasure_id


async def test_identity_acknowledges_for_itself_once_with_what_it_destroyed(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    await erase(client, record_id)

    async def nothing_left(_: Any, __: UUID) -> dict[str, int]:
        return {}

    for _ in range(2):
        async with life.pool.acquire() as connection:
            for unfinished in await erased_records.unfinished(connection):
                async with connection.transaction():
                    await ErasureFinisher("identity", nothing_left).step(connection, unfinished)
    topic = "identity.erasure-acknowledgements.v2"
    rows = await query(database, "select payload from outbox where topic = $1", topic)
    (acknowledgement,) = [json.loads(row["payload"]) for row in rows]
    assert acknowledgement["service"] == "identity"
    assert (
        acknowledgement["destroyed"].items() >= {"records": 1, "persons": 1, "contacts": 1, "fingerprints": 1}.items()
    )


async def test_when_all_have_answered_there_is_a_receipt_that_the_published_keys_vouch_for(
    client: httpx2.AsyncClient, life: Life
) -> None:
    record_id = await open_one(client)
    erasure_id = UUID((await erase(client, record_id)).json()["erasure_id"])
    await life.acknowledge(record_id, erasure_id, *SERVICES[:4])
    progress = (await client.get(f"/erasures/{erasure_id}", headers=administrator())).json()
    assert (progress["state"], progress["missing"]) == ("under-way", [SERVICES[4]])
    early = await client.get(f"/erasures/{erasure_id}/receipt", headers=administrator())
    assert (early.status_code, early.json()["code"]) == (409, "erasure-incomplete")
    at = clock.now() + timedelta(seconds=5)
    await life.acknowledge(record_id, erasure_id, SERVICES[4], at=at, count=7)
    progress = (await client.get(f"/erasures/{erasure_id}", headers=administrator())).json()
    assert (progress["state"], progress["missing"]) == ("complete", [])
    answer = await client.get(f"/erasures/{erasure_id}/receipt", headers=administrator())
    assert answer.headers["content-type"] == "application/jose"
    keys = (await client.get("/.well-known/erasure-receipt-keys.json")).json()
    assert all("d" not in key for key in keys["keys"])
    receipt = verified_receipt(answer.text, keys)
    assert (receipt.erasure_id, receipt.record_id, receipt.reason) == (erasure_id, record_id, "gdpr-decision")
    assert receipt.destroyed_at == at
    assert receipt.unrecoverable_from == at + longest_retention(timedelta(days=90))
    assert {acknowledgement.service: acknowledgement.destroyed["keys"] for acknowledgement in receipt.acknowledgements}[
        SERVICES[4]
    ] == 7


async def test_acknowledgements_that_come_again_change_nothing(client: httpx2.AsyncClient, life: Life) -> None:
    record_id, erasure_id = await acknowledged_erasure(client, life)
    path = f"/erasures/{erasure_id}/receipt"
    first_receipt = (await client.get(path, headers=administrator())).text
    await life.acknowledge(record_id, erasure_id, *SERVICES, *SERVICES, count=9)
    assert (await client.get(path, headers=administrator())).text == first_receipt


async def test_words_about_another_erasure_or_record_or_of_nobody_known_do_not_count(
    client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    erasure_id = UUID((await erase(client, record_id)).json()["erasure_id"])
    await life.acknowledge(record_id, uuid4(), *SERVICES)
    await life.acknowledge(uuid4(), erasure_id, *SERVICES)
    with pytest.raises(WriterMismatchError):
        await life.acknowledge(record_id, erasure_id, "mutuelle")
    assert await query(database, "select * from erasure_acknowledgements where erasure_id = $1", erasure_id) == []


async def test_a_missing_acknowledgement_is_an_alarm_after_its_time(client: httpx2.AsyncClient, life: Life) -> None:
    await acknowledged_erasure(client, life)
    await erase(client, await open_one(client, 2))
    late = clock.now() + timedelta(seconds=ERASURE.acknowledgement_s + 1)
    assert await watch_erasures(life.pool, ERASURE, clock.now()) == 0
    assert await watch_erasures(life.pool, ERASURE, late) == 1
    assert OVERDUE._value.get() == 1


async def crash(place: str, database: Database, record_id: UUID, now: datetime) -> None:
    """An erasure in a process of its own, until it has killed itself at that place."""
    spec = {"dsn": database.dsn, "record_id": str(record_id), "now": now.isoformat()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.erasure.erasures", place, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(json.dumps(spec).encode()), DEADLINE_S)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
async def test_an_erasure_killed_in_the_middle_ends_as_if_nothing_had_happened(
    place: str, client: httpx2.AsyncClient, database: Database, life: Life
) -> None:
    record_id = await open_one(client)
    ids = await ids_of(database, record_id)
    await close(client, record_id)
    later = clock.now() + timedelta(days=366 * 10)
    await crash(place, database, record_id, later)
    erasures = await query(database, "select id from erasures")
    assert (len(erasures), len(await query(database, "select id from records"))) == (
        (1, 0) if place == "after the commit" else (0, 1)
    )
    await sweep_retention(Storage(life.pool, KEYRINGS), LIFECYCLE, later)
    assert await tables_with(database, ids) <= KEPT
    assert len(await query(database, "select id from erasures")) == 1
    topics = [topic for topic, _ in await unsent(database)]
    assert topics.count("identity.erasures.v1") == 1


async def test_a_deletion_is_not_left_half_done_when_a_key_is_missing(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    await query(database, "delete from ins_fingerprints")
    assert (await erase(client, record_id)).status_code == 500
    assert len(await query(database, "select id from records")) == 1
    assert await query(database, "select id from erasures") == []
