"""Which alerts a person has switched on: the person's own affair."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
import orjson
import pytest

from services.notify.app import make_api
from shared.contracts.notify import AlertSent, AlertUnwanted
from tests.infra.http.tokens import TestKeys, bearer, patient_token, professional_token, software_token
from tests.infra.messaging.plumbing import value
from tests.infra.notify import notify
from tests.infra.notify.notify import consulted, contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually


@asynccontextmanager
async def api(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    app = make_api(notify.settings(database, None), TestKeys())
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://notify.test") as client:
            yield client


async def facts(database: Database) -> list[dict[str, object]]:
    payloads = await value(database, "select array_agg(convert_from(payload, 'UTF8') order by id) from outbox")
    return [orjson.loads(text) for text in payloads or []]


async def test_everything_is_on_until_the_person_chooses(database: Database) -> None:
    record_id = uuid4()
    async with api(database) as client:
        answer = await client.get(f"/records/{record_id}/preferences", headers=bearer(patient_token(record_id)))
    assert (answer.status_code, answer.json()) == (200, {"document": True, "consultation": True})


async def test_a_choice_is_kept_and_told_to_the_ledger_once(database: Database) -> None:
    record_id = uuid4()
    path, me = f"/records/{record_id}/preferences", bearer(patient_token(record_id))
    preferences = {"document": True, "consultation": False}
    async with api(database) as client:
        for _ in range(2):
            answer = await client.put(path, json=preferences, headers=me)
            assert (answer.status_code, answer.json()) == (200, preferences)
        assert (await client.get(path, headers=me)).json() == preferences
    [fact] = await facts(database)
    assert fact["action"] == "change-preferences"
    assert (fact["outcome"], fact["record_id"]) == ("permitted", str(record_id))
    assert fact["actor"]["kind"] == "patient"  # type: ignore[index]


@pytest.mark.parametrize(
    "token",
    [
        patient_token(uuid4()),
        professional_token("899700000001"),
        software_token("software-1", "1750000001", "records.open operations"),
    ],
)
async def test_nobody_else_sees_or_changes_them(database: Database, kafka: Topics, token: str) -> None:
    existing, unknown = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(existing))
        await eventually(lambda: value(database, "select count(*) = 1 from contacts"))
    async with api(database) as client:
        answers = [
            await client.request(method, f"/records/{record_id}/preferences", json=body, headers=bearer(token))
            for record_id in (existing, unknown)
            for method, body in (("GET", None), ("PUT", {"document": False, "consultation": False}))
        ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not-found")}
    assert await value(database, "select count(*) from preferences") == 0
    [fact] = await facts(database)  # the attempt on the record that exists
    assert (fact["record_id"], fact["outcome"], fact["reason"]) == (str(existing), "refused", "not-own-record")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"document": true}', b'{"document": "yes", "consultation": true}', b"\0"]
)
async def test_a_body_that_says_something_else_is_refused(database: Database, body: bytes) -> None:
    record_id = uuid4()
    async with api(database) as client:
        headers = bearer(patient_token(record_id)) | {"content-type": "application/json"}
        answer = await client.put(f"/records/{record_id}/preferences", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_there_is_no_answer(database: Database) -> None:
    async with api(database) as client:
        assert (await client.get(f"/records/{uuid4()}/preferences")).status_code == 401


async def test_what_is_switched_off_is_not_sent_each_kind_for_itself(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with api(database) as client:
        await client.put(
            f"/records/{record_id}/preferences",
            json={"document": False, "consultation": True},
            headers=bearer(patient_token(record_id)),
        )
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        await kafka.put(consulted(record_id))
        events = await kafka.wait_for("notify.alerts.v1", lambda payloads: len(payloads) == 2)
    by_kind = {message.event.kind: message.event for message in events}  # type: ignore[attr-defined]
    assert isinstance(by_kind["document"], AlertUnwanted)
    assert by_kind["document"].reason == "switched-off"
    assert isinstance(by_kind["consultation"], AlertSent)


async def test_a_message_that_waits_is_not_sent_after_it_was_switched_off(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port), api(database) as client:
        server.answer = lambda _address, _attempt: "450 later"
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        await eventually(lambda: value(database, "select attempts = 1 from alerts"))
        await client.put(
            f"/records/{record_id}/preferences",
            json={"document": False, "consultation": False},
            headers=bearer(patient_token(record_id)),
        )
        await value(database, "update alerts set due_at = now() returning true")
        [message] = await kafka.wait_for("notify.alerts.v1", lambda payloads: len(payloads) == 1)
    assert isinstance(message.event, AlertUnwanted)
    assert not server.mails
