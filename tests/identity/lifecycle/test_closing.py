"""Closing, reopening, a death, and objections to opening: over HTTP, announced, in the ledger."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.identity.lifecycle import store
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import sealed_place
from shared.contracts.identity import RecordChanged
from shared.contracts.notify import MessageRequested
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import create_pool, transaction
from shared.values import Ins
from tests.infra.erasure.erasures import RING
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)
from tests.infra.identity.identity_api import (
    NIR_OID,
    TEST_OID,
    administrator,
    announced,
    nir,
    open_one,
    opening,
    query,
    settings_of,
)
from tests.infra.platform.databases import Database

WRONG_KEY = {"value": nir()[:13] + ("01" if nir()[13:] != "01" else "02"), "oid": NIR_OID}


def holder(record_id: UUID) -> dict[str, str]:
    return bearer(patient_token(record_id))


async def ask(
    client: httpx2.AsyncClient, what: str, record_id: UUID, headers: dict[str, str]
) -> tuple[int, str | int, str]:
    """Status, version or code, state or empty."""
    body: dict[str, Any] | None = {} if what == "close" else None
    answer = (await client.post(f"/records/{record_id}/{what}", json=body, headers=headers)).json()
    status = answer.get("status")
    if isinstance(status, int):
        return status, answer["code"], ""
    return 200, answer["version"], answer["state"]


async def announced_since(database: Database, since: int) -> list[Any]:
    return (await announced(database))[since:]


async def in_force(database: Database, record_id: UUID, version: int) -> None:
    await query(database, "update records set in_force_version = $2 where id = $1", record_id, version)


def objection(number: int = 1, channel: str = "letter", **changes: Any) -> dict[str, Any]:
    body = {name: value for name, value in opening(number, **changes).items() if name in ("ins", "traits")}
    return {**body, "channel": channel}


async def object_(client: httpx2.AsyncClient, number: int = 1, **changes: Any) -> httpx2.Response:
    return await client.put("/opening-objections", json=objection(number, **changes), headers=administrator())


async def withdraw(client: httpx2.AsyncClient, number: int = 1) -> httpx2.Response:
    return await client.post("/opening-objections/withdraw", json=objection(number), headers=administrator())


async def suppressed(database: Database) -> dict[str, tuple[str, str | None]]:
    rows = await query(database, "select fingerprint, reason, channel from opening_suppressions")
    return {row["fingerprint"]: (row["reason"], row["channel"]) for row in rows}


def fingerprint(number: int = 1) -> str:
    return RING.fingerprint(*ins_parts(Ins.parse(nir(number), TEST_OID)))


async def test_a_holder_closes_their_record_and_everybody_is_told(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    opening_event = (await announced(database))[0]
    since = len(await announced(database))
    assert await ask(client, "close", record_id, holder(record_id)) == (200, 2, "closed")
    changed, access, notice = await announced_since(database, since)
    assert isinstance(opening_event, RecordChanged)
    assert changed == opening_event.model_copy(update={"version": 2, "status": "closed"})
    assert isinstance(access, AccessRecorded)
    assert (access.action, access.outcome, access.reason) == ("close-record", "permitted", "closed")
    assert (access.actor.kind, access.state_version) == ("patient", 2)
    assert isinstance(notice, MessageRequested)
    assert (notice.kind, notice.channel, notice.record_id) == ("record-closed", "mail", record_id)
    plain = orjson.loads(RING.decrypt_jwe(notice.sealed, sealed_place("request", notice.request_id)))
    assert (plain["to"], plain["language"]) == ({"mail": "zoe.inventee@patient.example"}, "fr")


async def test_closing_again_changes_and_tells_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    await ask(client, "close", record_id, holder(record_id))
    since = len(await announced(database))
    assert await ask(client, "close", record_id, holder(record_id)) == (200, 2, "closed")
    assert await announced_since(database, since) == []


async def test_a_closing_is_on_its_way_until_it_is_in_force(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    await in_force(database, record_id, 1)
    answer = await client.post(f"/records/{record_id}/close", json={}, headers=holder(record_id))
    assert answer.json()["status"] == "on-its-way"
    await in_force(database, record_id, 2)
    prefer = holder(record_id) | {"prefer": "wait=5"}
    answer = await client.post(f"/records/{record_id}/close", json={}, headers=prefer)
    assert (answer.json()["status"], answer.json()["state"]) == ("in-force", "closed")
    view = (await client.get(f"/records/{record_id}", headers=holder(record_id))).json()
    assert (view["status"], view["state"], view["version"]) == ("in-force", "closed", 2)


STRANGERS = {
    "administrator": (administrator(), 403, "forbidden"),
    "professional": (bearer(make_token("professional", "899900000101", scope="records.open")), 403, "forbidden"),
    "software": (bearer(software_token("s", "1750000001", "records.open")), 403, "forbidden"),
    "operator": (bearer(make_token("operator", "o", scope="records.open")), 403, "forbidden"),
    "another patient": (bearer(patient_token(uuid4())), 404, "record-unknown"),
    "nobody": ({}, 401, "token-invalid"),
}


@pytest.mark.parametrize("who", STRANGERS)
async def test_nobody_else_closes_a_record(client: httpx2.AsyncClient, database: Database, who: str) -> None:
    record_id = await open_one(client)
    since = len(await announced(database))
    headers, status, code = STRANGERS[who]
    assert (await ask(client, "close", record_id, headers))[:2] == (status, code)
    events = await announced_since(database, since)
    assert [(entry.action, entry.outcome, entry.reason) for entry in events] == (
        [("close-record", "refused", "forbidden")] if status == 403 else []
    )
    assert not any(isinstance(event, RecordChanged) for event in events)


async def test_a_closed_record_is_not_opened_again_in_passing(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    await ask(client, "close", record_id, holder(record_id))
    since = len(await announced(database))
    again = await client.post("/records", json=opening(), headers=administrator())
    assert (again.status_code, again.json()["code"]) == (409, "record-closed")
    (refused,) = await announced_since(database, since)
    assert (refused.action, refused.outcome, refused.reason) == ("open-record", "refused", "record-closed")


@pytest.mark.parametrize("by", ["holder", "administrator"])
async def test_reopening_restores_under_a_new_version(client: httpx2.AsyncClient, database: Database, by: str) -> None:
    record_id = await open_one(client)
    first = (await announced(database))[0]
    await ask(client, "close", record_id, holder(record_id))
    since = len(await announced(database))
    headers = holder(record_id) if by == "holder" else administrator()
    assert await ask(client, "reopen", record_id, headers) == (200, 3, "open")
    changed, access = await announced_since(database, since)
    assert isinstance(first, RecordChanged)
    assert changed == first.model_copy(update={"version": 3})
    assert (access.action, access.reason) == ("reopen-record", "reopened")
    assert await query(database, "select * from closures") == []
    again = await client.post("/records", json=opening(), headers=administrator())
    assert (again.status_code, again.json()["record_id"]) == (200, str(record_id))


async def test_reopening_needs_the_scope_and_ends_with_the_ten_years(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    await ask(client, "close", record_id, holder(record_id))
    for headers in (administrator("records.erase"), bearer(operator_token()), bearer(professional_token("8"))):
        assert (await ask(client, "reopen", record_id, headers))[:2] == (403, "forbidden")
    await query(database, "update closures set closed_at = closed_at - interval '10 years'")
    for headers in (holder(record_id), administrator()):
        assert (await ask(client, "reopen", record_id, headers))[:2] == (409, "retention-over")


async def test_a_death_closes_the_record_and_only_an_administrator_corrects_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    assert (await ask(client, "death", record_id, holder(record_id)))[:2] == (403, "forbidden")
    since = len(await announced(database))
    assert await ask(client, "death", record_id, administrator()) == (200, 2, "closed")
    changed, access = await announced_since(database, since)
    assert (changed.status, changed.deceased) == ("closed", True)
    assert (access.action, access.reason) == ("close-record", "death-recorded")
    assert (await ask(client, "reopen", record_id, holder(record_id)))[:2] == (409, "holder-deceased")
    response = await client.post("/records", json=opening(), headers=administrator())
    assert (response.status_code, response.json()["code"]) == (409, "holder-deceased")
    since = len(await announced(database))
    assert await ask(client, "reopen", record_id, administrator()) == (200, 3, "open")
    assert (await announced_since(database, since))[0].deceased is False


async def test_the_ten_years_of_a_closed_record_do_not_begin_again_with_a_death(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    await ask(client, "close", record_id, holder(record_id))
    closed_at = await query(database, "select closed_at from closures")
    await ask(client, "death", record_id, administrator())
    after = await query(database, "select closed_at, cause from closures")
    assert (after[0]["closed_at"], after[0]["cause"]) == (closed_at[0]["closed_at"], "death")


@pytest.mark.parametrize("what", ["close", "reopen", "death"])
async def test_a_record_that_is_not_there_is_unknown(client: httpx2.AsyncClient, what: str) -> None:
    record_id = uuid4()
    headers = holder(record_id) if what == "close" else administrator()
    assert (await ask(client, what, record_id, headers))[:2] == (404, "record-unknown")


@pytest.mark.parametrize("channel", ["online", "phone-agent", "letter"])
async def test_an_objection_before_there_is_a_record_keeps_a_keyed_hash_and_nothing_else(
    client: httpx2.AsyncClient, database: Database, channel: str
) -> None:
    for _ in range(2):
        answer = await object_(client, channel=channel)
        assert (answer.status_code, answer.json()) == (200, {"state": "objected", "record_id": None})
    assert await suppressed(database) == {fingerprint(): ("objected", channel)}
    assert await announced(database) == []
    assert [row["kind"] for row in await query(database, "select kind from life_events")] == ["objection"]


async def test_a_campaign_finds_who_is_on_the_list(client: httpx2.AsyncClient, database: Database) -> None:
    await object_(client, 1)
    pool = await create_pool(settings_of(database).postgres, application="tests")
    async with transaction(pool) as connection:
        suppressions = await store.load_suppressions(connection, [fingerprint(1), fingerprint(2)])
    pool.terminate()
    assert suppressions == {fingerprint(1): "objected"}


async def test_an_objection_to_a_record_that_is_open_closes_it(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    since = len(await announced(database))
    answer = await object_(client)
    assert answer.json() == {"state": "closed", "record_id": str(record_id)}
    changed, access, notice = await announced_since(database, since)
    assert (changed.status, changed.version, notice.kind) == ("closed", 2, "record-closed")
    assert (access.action, access.outcome) == ("object-to-opening", "permitted")
    assert await suppressed(database) == {fingerprint(): ("objected", "letter")}
    assert (await object_(client)).json()["state"] == "closed"
    assert await announced_since(database, since + 3) == []


async def test_an_objection_under_other_traits_is_refused_and_told(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await open_one(client)
    since = len(await announced(database))
    other = {**opening()["traits"], "birth_name": "AUTRE"}
    answer = await object_(client, traits=other)
    assert (answer.status_code, answer.json()["code"]) == (409, "traits-differ")
    (refused,) = await announced_since(database, since)
    assert (refused.action, refused.outcome) == ("object-to-opening", "refused")
    assert await suppressed(database) == {}


async def test_a_withdrawal_takes_the_person_off_the_list_and_reopens_nothing(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await object_(client, 1)
    assert (await withdraw(client, 1)).json() == {"state": "none", "record_id": None}
    record_id = await open_one(client, 2)
    await object_(client, 2)
    assert (await withdraw(client, 2)).json() == {"state": "closed", "record_id": str(record_id)}
    assert (await withdraw(client, 2)).status_code == 200
    assert await suppressed(database) == {}
    actions = [event.action for event in await announced(database) if isinstance(event, AccessRecorded)]
    assert actions.count("withdraw-opening-objection") == 1


async def test_opening_by_ones_own_wish_lifts_an_objection(client: httpx2.AsyncClient, database: Database) -> None:
    await object_(client)
    await open_one(client)
    assert await suppressed(database) == {}


async def test_reopening_lifts_an_objection(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    await object_(client)
    await ask(client, "reopen", record_id, holder(record_id))
    assert await suppressed(database) == {}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, objection(), 401, "token-invalid"),
        (administrator("records.erase"), objection(), 403, "forbidden"),
        (bearer(software_token("s", "1750000001", "records.open")), objection(), 403, "forbidden"),
        (bearer(make_token("professional", "8", scope="records.open")), objection(), 403, "forbidden"),
        (administrator(), objection(channel="rumour"), 422, "invalid"),
        (
            administrator(),
            objection(ins=WRONG_KEY),
            422,
            "ins-key-wrong",
        ),
        (administrator(), {}, 422, "invalid"),
    ],
)
async def test_an_objection_that_cannot_be_taken_changes_nothing(
    client: httpx2.AsyncClient, database: Database, method: str, headers: Any, body: Any, status: int, code: str
) -> None:
    path = "/opening-objections" if method == "PUT" else "/opening-objections/withdraw"
    answer = await client.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert nir() not in answer.text
    assert await suppressed(database) == {}
