"""A record that can never be used is kept with its error code, and later records are handled."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from shared.contracts.records import DocumentReceived
from shared.errors import PermanentError
from shared.messaging.envelope import Message
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import plumbing
from tests.infra.messaging.operators import OPERATOR
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

NOW = "2026-11-22T10:00:00+00:00"
TOPIC = "records.documents.v1"
RECEIVED = "records.document-received.v1"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


async def has_effects(database: Database, count: int) -> bool:
    return len(await plumbing.effects(database)) >= count


def envelope(**changed: str) -> dict[str, str]:
    return {"ce_id": str(uuid4()), "ce_type": RECEIVED, "ce_time": NOW, **changed}


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"\x00\xff garbage", {}, "envelope-invalid"),
        (b"\x00\xff garbage", envelope(), "data-invalid"),
        (b"{}", envelope(), "data-invalid"),
        (b"[" * 50_000, envelope(), "data-invalid"),
        (b"{}", envelope(ce_time="yesterday"), "envelope-invalid"),
        (b"{}", envelope(ce_id="1"), "envelope-invalid"),
        (None, envelope(), "body-or-key-missing"),
    ],
)
async def test_garbage_becomes_a_dead_letter_with_its_reason_and_the_traffic_goes_on(
    database: Database, kafka: Topics, body: bytes | None, headers: dict[str, str], code: str
) -> None:
    good = document_received(uuid4())
    async with worker(Recorder(), database, kafka):
        await kafka.put_raw(TOPIC, body, b"some-key", headers)
        await kafka.put(good)
        await eventually(lambda: has_effects(database, 1))
        records = await eventually(lambda: _records(kafka, "consent.deposit-checks.dlt"))
    [dead_letter] = records
    headers_kept = {name: value.decode() for name, value in dead_letter.headers if name.startswith("dlt_")}
    assert dead_letter.value == body
    assert headers_kept["dlt_error_code"] == code
    assert headers_kept["dlt_topic"] == TOPIC
    assert headers_kept["dlt_offset"].isdigit()
    assert headers_kept["dlt_partition"].isdigit()


async def _records(kafka: Topics, topic: str) -> list[Any] | None:
    """Returns one record for each event, because a relay may send an event twice; None without any."""
    return list({dict(record.headers)["ce_id"]: record for record in await kafka.read_raw(topic)}.values()) or None


async def test_behind_a_dead_letter_the_messages_of_its_key_wait_and_are_redriven_in_order(
    database: Database, kafka: Topics
) -> None:
    record_id, broken = uuid4(), True
    events = [document_received(record_id) for _ in range(3)]

    def refuse_the_first(message: Message[DocumentReceived]) -> None:
        if broken and message.event.document_id == events[0].document_id:
            raise PermanentError

    recorder = Recorder(before=refuse_the_first)
    async with worker(recorder, database, kafka) as runtime:
        for event in events:
            await kafka.put(event)
        other = document_received(uuid4())
        await kafka.put(other)
        await eventually(lambda: plumbing.value(database, "select count(*) = 3 from parked_messages"))
        await eventually(lambda: has_effects(database, 1))
        assert [row["document_id"] for row in await plumbing.effects(database)] == [other.document_id]
        dead_letter_id = await plumbing.value(database, "select id from parked_messages where reason = 'dead'")
        assert await runtime.redriver.redrive_dead_letter(dead_letter_id, OPERATOR) == (0, "unusable-message")
        broken = False
        assert await runtime.redriver.redrive_dead_letter(dead_letter_id, OPERATOR) == (3, None)
    done = [row["document_id"] for row in await plumbing.effects(database)]
    assert done == [other.document_id] + [event.document_id for event in events]
    assert await plumbing.value(database, "select count(*) from parked_messages") == 0


async def test_a_bug_is_tried_three_times_then_becomes_a_dead_letter_and_its_neighbours_are_done(
    database: Database, kafka: Topics
) -> None:
    poison, good = document_received(uuid4()), [document_received(uuid4()) for _ in range(3)]
    tries = 0

    def stumble(message: Message[DocumentReceived]) -> None:
        nonlocal tries
        if message.event.document_id == poison.document_id:
            tries += 1
            raise KeyError("a bug")

    async with worker(Recorder(before=stumble), database, kafka):
        await kafka.put(good[0])
        await kafka.put(poison)
        await kafka.put(good[1])
        await kafka.put(good[2])
        await eventually(lambda: has_effects(database, 3))
        query = "select error_code from parked_messages where reason = 'dead'"
        assert await eventually(lambda: plumbing.value(database, query)) == "handler-failed"
    assert tries >= 3
    assert {row["document_id"] for row in await plumbing.effects(database)} == {e.document_id for e in good}


async def test_when_everything_fails_the_consumer_stops_instead_of_emptying_its_topic(
    database: Database, kafka: Topics
) -> None:
    def always(_message: Message[DocumentReceived]) -> None:
        raise KeyError("a bug in every message")

    async with worker(Recorder(before=always), database, kafka) as runtime:
        for _ in range(60):
            await kafka.put(document_received(uuid4()))
        consumer = runtime.consumers["consent.deposit-checks"]

        async def stopped() -> bool:
            return consumer.circuit_breaker.is_open

        await eventually(stopped)
    assert await plumbing.value(database, "select count(*) from parked_messages") < 15


async def test_a_state_that_cannot_be_used_marks_the_copy_broken_until_a_later_version_is_applied(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with worker(Recorder(), database, kafka):
        headers = envelope(ce_type="identity.record-changed.v1")
        await kafka.put_raw("identity.records.v1", b"{", str(record_id).encode(), headers)
        query = "select error_code from broken_copies where topic = 'identity.records.v1' and key = $1"
        code = await eventually(lambda: plumbing.value(database, query, str(record_id)))
        assert code == "data-invalid"
        await kafka.put(record_changed(record_id, version=2))
        await eventually(lambda: plumbing.value(database, "select count(*) = 0 from broken_copies"))


async def test_operators_see_dead_letters_without_their_content_and_nobody_else_does(
    database: Database, kafka: Topics
) -> None:
    plan = Plan("consent", Recorder().subscriptions(), keys=TestKeys())
    app = make_worker_app(plan, plumbing.settings(database, kafka))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://worker") as client,
    ):
        await kafka.put_raw(TOPIC, b"secret content", b"key", {})
        await eventually(lambda: plumbing.value(database, "select count(*) = 1 from parked_messages"))
        response = await client.get("/dead-letters", headers=bearer(operator_token()))
        assert [dead_letter["code"] for dead_letter in response.json()] == ["envelope-invalid"]
        assert "secret" not in response.text
        id = response.json()[0]["id"]
        redriven = await client.post(f"/dead-letters/{id}/redrive", headers=bearer(operator_token()))
        assert redriven.json() == {"handled": 0, "hindrance": "envelope-invalid"}
        for headers, status in (({}, 401), (bearer(patient_token(uuid4())), 403), (bearer("x"), 401)):
            assert (await client.get("/dead-letters", headers=headers)).status_code == status
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        assert "dead_letters_total" in (await client.get("/metrics")).text
