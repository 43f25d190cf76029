"""Two records of one person in audit: one list of both while they are linked, by time, paged, told in each ledger."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from services.audit.app import make_api
from services.audit.copies.steps.copy_records import copy_records
from services.audit.erasure.steps import erase_record
from services.audit.ledger.steps.write_entries import write_entries
from services.audit.settings import Settings
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.http.tokens import TokenVerifier
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.audit.keys import KEYS, MOTIVES
from tests.infra.erasure.erasing import erased
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, patient_token
from tests.infra.messaging.messages import message, outbox
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.databases import Database

FIRST, SECOND = UUID(int=0x8001), UUID(int=0x8002)


class LinkedLedgers:
    """Audit's API, and what it is told."""

    def __init__(self, client: httpx2.AsyncClient, pool: Pool) -> None:
        self.client, self.pool = client, pool
        self._time = clock.now() - timedelta(hours=1)

    async def change(self, record_id: UUID, version: int, linked_to: UUID | None) -> None:
        event = record_changed(record_id, version).model_copy(update={"linked_to": linked_to})
        async with transaction(self.pool) as connection:
            await copy_records(connection, [message(event)])

    async def link(self, version: int = 2) -> None:
        await self.change(FIRST, version, SECOND)
        await self.change(SECOND, version, FIRST)

    async def access(self, record_id: UUID, reason: str, **more: Any) -> datetime:
        self._time += timedelta(seconds=1)
        fact = {"action": "find-documents", "outcome": "permitted", "reason": reason, **more}
        actor = more.pop("actor", Actor(kind="patient", id=str(record_id)))
        event = AccessRecorded.model_validate({"record_id": record_id, "actor": actor} | fact)
        async with transaction(self.pool) as connection:
            await write_entries(MOTIVES, connection, [message(event, time=self._time)])
        return self._time

    async def page(self, record_id: UUID, **query: Any) -> dict[str, Any]:
        headers = bearer(patient_token(record_id))
        answer = await self.client.get(f"/records/{record_id}/accesses", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def reasons(self, record_id: UUID) -> list[str]:
        return [access["reason"] for access in (await self.page(record_id))["accesses"]]

    async def rows(self) -> set[UUID]:
        return {row["record_id"] for row in await self.pool.fetch("select record_id from record_copies")}


@pytest.fixture
async def ledgers(database: Database) -> AsyncIterator[LinkedLedgers]:
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
            keys=KEYS,
        )
    )
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://audit") as client:
            yield LinkedLedgers(client, app.state.pool)


async def test_the_person_sees_one_list_of_both_records_and_after_the_end_of_the_link_their_own(
    ledgers: LinkedLedgers,
) -> None:
    for record_id, reason in ((FIRST, "one"), (SECOND, "two"), (FIRST, "three"), (SECOND, "four")):
        await ledgers.access(record_id, reason)
    assert await ledgers.reasons(FIRST) == ["three", "one"]
    await ledgers.link()
    assert await ledgers.reasons(FIRST) == await ledgers.reasons(SECOND) == ["four", "three", "two", "one"]
    await ledgers.change(FIRST, 3, None)
    await ledgers.change(SECOND, 3, None)
    assert await ledgers.reasons(FIRST) == ["three", "one"]
    assert await ledgers.reasons(SECOND) == ["four", "two"]


async def test_it_is_paged_in_one_order_without_a_gap_or_a_double(ledgers: LinkedLedgers) -> None:
    await ledgers.link()
    for number in range(7):
        await ledgers.access((FIRST, SECOND, SECOND)[number % 3], str(number))
    page = await ledgers.page(FIRST, limit=2)
    reasons = [access["reason"] for access in page["accesses"]]
    while page["next"] is not None:
        page = await ledgers.page(FIRST, limit=2, before=page["next"])
        reasons += [access["reason"] for access in page["accesses"]]
    assert reasons == list("6543210")


async def test_the_asking_stands_in_both_ledgers_and_both_names_of_the_person_are_you(ledgers: LinkedLedgers) -> None:
    await ledgers.link()
    await ledgers.access(SECOND, "own")
    assert [access["who"]["you"] for access in (await ledgers.page(FIRST))["accesses"]] == [True]
    access_events = [event for event in await outbox(ledgers.pool) if isinstance(event, AccessRecorded)]
    assert {(event.record_id, event.action, event.actor.id) for event in access_events} == {
        (id, "list-accesses", str(FIRST)) for id in (FIRST, SECOND)
    }


@pytest.mark.parametrize("named_by", [FIRST, SECOND])
async def test_a_link_that_only_one_side_names_shows_nothing_of_the_other(
    ledgers: LinkedLedgers, named_by: UUID
) -> None:
    await ledgers.access(FIRST, "one")
    await ledgers.access(SECOND, "two")
    await ledgers.link()
    await ledgers.change(named_by, 3, None)
    assert (await ledgers.reasons(FIRST), await ledgers.reasons(SECOND)) == (["one"], ["two"])


async def test_an_older_word_never_brings_a_link_back(ledgers: LinkedLedgers) -> None:
    await ledgers.access(SECOND, "two")
    await ledgers.change(FIRST, 3, None)
    await ledgers.change(SECOND, 3, None)
    await ledgers.link(2)
    assert await ledgers.reasons(FIRST) == []


async def test_of_an_erased_record_nothing_is_known_or_shown_to_the_holder_of_the_other(ledgers: LinkedLedgers) -> None:
    await ledgers.access(FIRST, "one")
    await ledgers.access(SECOND, "two")
    await ledgers.link()
    async with transaction(ledgers.pool) as connection:
        await erase_record(connection, [message(erased(SECOND))])
    assert await ledgers.rows() == {FIRST}
    assert await ledgers.reasons(FIRST) == ["one"]
    access_events = [event for event in await outbox(ledgers.pool) if isinstance(event, AccessRecorded)]
    assert {event.record_id for event in access_events} == {FIRST}


async def test_the_entry_of_a_link_does_not_name_the_other_record(ledgers: LinkedLedgers) -> None:
    agent = Actor(kind="administrator", id="admin-1")
    await ledgers.access(FIRST, "linked", action="link-records", actor=agent, subject_id=str(SECOND))
    [line] = (await ledgers.page(FIRST))["accesses"]
    assert (line["action"], line["subject"]) == ("link-records", None)
