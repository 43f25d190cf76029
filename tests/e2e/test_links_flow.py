"""Duplicates on the real broker: identity links and unlinks two records, and records and audit follow."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio

from services.audit.app import make_api as make_audit
from services.audit.app import make_plan as plan_of_audit
from services.audit.settings import Settings as AuditSettings
from services.identity.app import make_worker
from services.records.app import make_plan as plan_of_records
from shared.http.tokens import TokenVerifier
from shared.runtime.settings import FreshnessSettings, PostgresSettings
from shared.service.worker import at_work
from tests.conftest import NewDatabase
from tests.infra.audit.keys import KEYS
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, patient_token
from tests.infra.identity import identity_api, linking
from tests.infra.identity.identity_api import administrator
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import UNTIL_DONE, eventually
from tests.infra.records.records_api import INS_HMAC, RecordsApi, a_deposit, run_records_api, settings_of

FIRST, SECOND = Person(85), Person(86)
"""One person with records under two numbers."""
WAIT = {"prefer": UNTIL_DONE}


@dataclass
class Town:
    """Identity, records and audit, all running."""

    identity: httpx2.AsyncClient
    identity_database: Database
    records_api: RecordsApi
    audit: httpx2.AsyncClient

    async def open(self, person: Person) -> UUID:
        answer = await self.identity.post("/records", json=person.opening, headers=administrator() | WAIT)
        assert (answer.status_code, answer.json()["status"]) == (201, "in-force"), answer.text
        return UUID(answer.json()["record_id"])

    async def ask(self, what: str, first: UUID, second: UUID) -> None:
        body = {"linked_to": str(second)}
        answer = await self.identity.post(f"/records/{first}/{what}", json=body, headers=administrator() | WAIT)
        assert (answer.status_code, answer.json()["status"]) == (200, "in-force"), answer.text

    async def documents(self, record_id: UUID) -> list[UUID]:
        answer = await self.records_api.search(patient_token(record_id), patient=str(record_id), status="current")
        assert answer.status_code == 200, answer.text
        return [UUID(entry["resource"]["id"]) for entry in answer.json().get("entry", [])]

    async def documents_listed_by_audit(self, record_id: UUID) -> set[UUID]:
        answer = await self.audit.get(f"/records/{record_id}/accesses", headers=bearer(patient_token(record_id)))
        assert answer.status_code == 200, answer.text
        return {UUID(access["document_id"]) for access in answer.json()["accesses"] if access["document_id"]}


@pytest_asyncio.fixture
async def town(new_database: NewDatabase, kafka: Topics) -> AsyncIterator[Town]:
    identity, records, audit = [await new_database(name) for name in ("identity", "records", "audit")]
    keys: dict[str, Any] = {"keys": {"ins_hmac": INS_HMAC}, "freshness": {"heartbeat_s": 0.2}}
    of_identity = identity_api.settings_of(identity, kafka=kafka.settings("identity"), **keys)
    of_records = settings_of(records, kafka=kafka.settings("records"))
    of_audit = AuditSettings(
        postgres=PostgresSettings.model_validate({"dsn": audit.dsn}),
        kafka=kafka.settings("audit"),
        tokens=SETTINGS,
        freshness=FreshnessSettings(heartbeat_s=0.2),
        keys=KEYS,
    )
    async with AsyncExitStack() as all_of_it:
        worker, api = make_worker(of_identity), make_audit(of_audit)
        await all_of_it.enter_async_context(worker.router.lifespan_context(worker))
        await all_of_it.enter_async_context(at_work(plan_of_records(of_records, TestKeys()), of_records))
        await all_of_it.enter_async_context(at_work(plan_of_audit(of_audit, TestKeys()), of_audit))
        await all_of_it.enter_async_context(api.router.lifespan_context(api))
        api.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        yield Town(
            await all_of_it.enter_async_context(identity_api.running(of_identity)),
            identity,
            await all_of_it.enter_async_context(run_records_api(records)),
            await all_of_it.enter_async_context(
                httpx2.AsyncClient(transport=httpx2.ASGITransport(api), base_url="http://audit")
            ),
        )


async def test_a_person_reads_both_records_once_the_link_is_in_force_and_as_before_once_its_end_is(
    town: Town,
) -> None:
    first, second = await town.open(FIRST), await town.open(SECOND)
    [older], [newer] = (
        await town.records_api.publish(a_deposit(FIRST)),
        await town.records_api.publish(a_deposit(SECOND)),
    )
    await eventually(lambda: _listed(town, first, {older}))
    await eventually(lambda: _listed(town, second, {newer}))
    await town.ask("link", first, second)
    assert await town.documents(first) == await town.documents(second) == [newer, older]
    for record_id in (first, second):
        await eventually(lambda who=record_id: _listed(town, who, {older, newer}))  # type: ignore[misc] # a default binds it
    await town.ask("unlink", first, second)
    assert (await town.documents(first), await town.documents(second)) == ([older], [newer])
    await eventually(lambda: _listed(town, first, {older}))
    await eventually(lambda: _listed(town, second, {newer}))


async def _listed(town: Town, record_id: UUID, documents: set[UUID]) -> bool:
    return await town.documents_listed_by_audit(record_id) == documents


@pytest.mark.long
@pytest.mark.parametrize("place", ["one written, the other not", "after the commit"])
async def test_killed_in_the_middle_a_link_asked_for_again_is_in_force_once(place: str, town: Town) -> None:
    first, second = await town.open(FIRST), await town.open(SECOND)
    await linking.let_it_die(place, town.identity_database, first, second, ins_hmac=INS_HMAC)
    await town.ask("link", first, second)
    sql = "select id, version, linked_to from records"
    expected = {(first, 2, second), (second, 2, first)}
    assert {tuple(row) for row in await town.records_api.pool.fetch(sql)} == expected
    assert {tuple(row) for row in await identity_api.query(town.identity_database, sql)} == expected
