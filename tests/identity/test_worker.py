"""Identity's worker on the real broker: what it announces arrives, and what records applies is in force."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest_asyncio

from services.identity.app import make_worker
from services.identity.settings import Settings
from shared.contracts.identity import RecordChanged
from shared.contracts.records import CopyApplied
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from tests.infra.http.tokens import bearer, operator_token
from tests.infra.identity.identity_api import administrator, open_one, opening, query, running, settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import UNTIL_DONE, eventually


@pytest_asyncio.fixture
async def settings(database: Database, kafka: Topics) -> Settings:
    return settings_of(database, kafka=kafka.settings("identity"), freshness={"heartbeat_s": 0.2})


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(settings) as made:
        yield made


@pytest_asyncio.fixture
async def worker(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """The worker at work, and a client of its health and dead letters."""
    app = make_worker(settings)
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://w") as made:
        yield made


def applied(record_id: UUID, version: int = 1, topic: str = IDENTITY_RECORDS.name) -> CopyApplied:
    return CopyApplied(record_id=record_id, topic=topic, version=version)


async def test_an_opening_travels_and_comes_back_in_force(
    client: httpx2.AsyncClient, worker: httpx2.AsyncClient, kafka: Topics
) -> None:
    waiting = asyncio.create_task(
        client.post("/records", json=opening(), headers=administrator() | {"prefer": UNTIL_DONE})
    )
    events = await kafka.wait_for(IDENTITY_RECORDS.name, lambda all_: any(_changed(message.event) for message in all_))
    record = next(message.event for message in events if isinstance(message.event, RecordChanged))
    await kafka.put(applied(record.record_id))
    response = await waiting
    assert (response.status_code, response.json()["status"]) == (201, "in-force")
    assert await kafka.wait_for("identity.contacts.v1", bool)
    assert len(await kafka.wait_for("identity.accesses.v1", bool)) == 1


def _changed(event: object) -> bool:
    return isinstance(event, RecordChanged)


async def test_the_word_about_another_topic_or_an_unknown_record_changes_nothing(
    client: httpx2.AsyncClient, worker: httpx2.AsyncClient, kafka: Topics, database: Database
) -> None:
    first, second = await open_one(client, 1), await open_one(client, 2)
    await kafka.put(applied(first, 7, CONSENT_STATES.name))
    await kafka.put(applied(UUID(int=9)))
    for version in (2, 1, 2):
        await kafka.put(applied(second, version))

    async def in_force() -> bool:
        rows = await query(database, "select id, in_force_version from records")
        return {row["id"]: row["in_force_version"] for row in rows} == {first: 0, second: 2}

    await eventually(in_force)
    assert (await worker.get("/dead-letters", headers=bearer(operator_token()))).json() == []


async def test_garbage_goes_to_the_dead_letters_and_the_word_behind_it_is_heard(
    client: httpx2.AsyncClient, worker: httpx2.AsyncClient, kafka: Topics
) -> None:
    record_id = await open_one(client)
    await kafka.put_raw("records.copies.v1", b"\xff", b"garbage", {"ce_type": "records.copy-applied.v1"})
    await kafka.put(applied(record_id))

    async def in_force() -> bool:
        response = await client.get(f"/records/{record_id}", headers=administrator())
        return bool(response.json()["status"] == "in-force")

    await eventually(in_force)

    async def dead_letter_codes() -> list[str] | None:
        rows = (await worker.get("/dead-letters", headers=bearer(operator_token()))).json()
        return [letter["code"] for letter in rows] or None

    assert await eventually(dead_letter_codes) == ["envelope-invalid"]


async def test_the_worker_is_alive_and_sweeps(worker: httpx2.AsyncClient) -> None:
    async def is_ready() -> bool:
        return (await worker.get("/readyz")).status_code == 200

    await eventually(is_ready)  # once it has looked at its topics
    assert (await worker.get("/livez")).status_code == 200
    assert "outbox_lag_seconds" in (await worker.get("/metrics")).text
