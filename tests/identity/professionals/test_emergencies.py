"""The token of an emergency names one record; many of them in an hour are an alarm, and need fresh proofs."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from deploy.local.platform.pki import Pki
from deploy.local.platform.psc import Provider
from services.identity.kit import store as rates
from services.identity.kit.metrics import EMERGENCIES_OVER_LIMIT
from shared.runtime import clock
from tests.infra.http.tokens import bearer
from tests.infra.identity.identity_api import TEST_OID, assertion, new_key, nir, open_one, query, running, token_request
from tests.infra.identity.professionals import (
    ACCESS_TOKEN,
    DOCTOR,
    EXCHANGE,
    NURSE,
    REGULATOR,
    SOFTWARE_CLIENT,
    URGENT,
    caller_of,
    chosen,
    doors,
    enter_all,
    post_with,
    presence_proof,
    registered,
)
from tests.infra.platform.databases import Database

CARD = "/professionals/card"
KEY = new_key()
MOST = 3


@pytest_asyncio.fixture
async def client(database: Database, pki: Pki, provider: Provider, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = doors(database, provider, tmp_path, break_glass_per_hour=MOST, centre_15_per_hour=2 * MOST)
    async with running(settings) as made:
        await enter_all(made)
        yield made


async def by_card(client: httpx2.AsyncClient, pki: Pki, body: dict[str, Any]) -> httpx2.Response:
    return await post_with(client, pki.card(DOCTOR.id), CARD, json=body)


async def by_provider(client: httpx2.AsyncClient, _: Pki, body: dict[str, Any]) -> httpx2.Response:
    begun = await client.post("/professionals/sign-in", json=body)
    if begun.is_error:
        return begun
    back = await chosen(begun.json()["authorization_url"], DOCTOR)
    return await client.get("/professionals/callback", params=back)


async def by_demonstration(client: httpx2.AsyncClient, _: Pki, body: dict[str, Any]) -> httpx2.Response:
    person = {"kind": "professional", "professional_id": DOCTOR.id}
    return await client.post("/demo/sign-in", json={**person, **body})


class Exchanges:
    """Software that exchanges the provider's tokens."""

    def __init__(self, client: httpx2.AsyncClient, provider: Provider, client_id: str) -> None:
        self.client, self.provider, self.client_id = client, provider, client_id

    async def token(self, body: dict[str, Any], person: Any = DOCTOR, **claims: Any) -> httpx2.Response:
        form = token_request(assertion(self.client_id, KEY), grant_type=EXCHANGE, subject_token_type=ACCESS_TOKEN)
        theirs = self.provider.access_token(person, SOFTWARE_CLIENT, **claims)
        return await self.client.post("/oauth/token", data={**form, **body, "subject_token": theirs})


@pytest_asyncio.fixture
async def exchanges(client: httpx2.AsyncClient, provider: Provider) -> Exchanges:
    return Exchanges(client, provider, await registered(client, KEY))


def stale() -> int:
    return int(time.time()) - 180


def about(number: int) -> dict[str, str]:
    return {**URGENT, "patient": f"urn:oid:{TEST_OID}|{nir(number)}"}


@pytest.mark.parametrize("sign_in", [by_card, by_provider, by_demonstration])
async def test_the_token_names_the_record_of_its_patient_and_no_other(
    client: httpx2.AsyncClient, pki: Pki, sign_in: Any
) -> None:
    first, second = await open_one(client, 1), await open_one(client, 2)
    caller = await caller_of(await sign_in(client, pki, about(2)))
    assert (caller.names(second), caller.names(first)) == (True, False)
    refused = await sign_in(client, pki, {"mode": "bris_de_glace", "motive": URGENT["motive"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "patient-not-named")


async def test_an_exchanged_token_names_it_too_and_so_does_the_token_after_a_reading_of_the_card(
    client: httpx2.AsyncClient, pki: Pki, exchanges: Exchanges
) -> None:
    record = await open_one(client, 2)
    exchanged = await exchanges.token(about(2))
    caller = await caller_of(exchanged)
    assert caller.names(record)
    proof = presence_proof(exchanges.client_id, KEY, caller, record_id=str(record))
    headers = bearer(exchanged.json()["access_token"])
    present = await client.post("/presence-proofs", json={"proof": proof}, headers=headers)
    assert (await caller_of(present)).names(record)
    refused = await exchanges.token({"mode": "bris_de_glace", "motive": URGENT["motive"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "patient-not-named")


async def test_who_has_no_record_gets_a_token_like_any_other(client: httpx2.AsyncClient, pki: Pki) -> None:
    record = await open_one(client, 1)
    there, missing = [await by_card(client, pki, about(number)) for number in (1, 9)]
    assert there.status_code == missing.status_code == 200
    callers = [await caller_of(answer) for answer in (there, missing)]
    assert [caller.names(record) for caller in callers] == [True, False]
    assert {len(caller.emergency_record or "") for caller in callers} == {43}


async def test_a_usual_token_names_no_record(client: httpx2.AsyncClient, pki: Pki) -> None:
    record = await open_one(client, 1)
    caller = await caller_of(await by_card(client, pki, {}))
    assert (caller.emergency_record, caller.names(record)) == (None, False)


async def test_beyond_the_limit_an_old_proof_of_identity_does_not_suffice_and_a_new_one_does(
    exchanges: Exchanges,
) -> None:
    alarms = [EMERGENCIES_OVER_LIMIT.labels("bris_de_glace", outcome) for outcome in ("refused", "permitted")]
    before = [alarm._value.get() for alarm in alarms]
    for number in range(MOST):
        assert (await exchanges.token(about(number), auth_time=stale())).status_code == 200
    for claims in (
        {"auth_time": stale()},
        {"auth_time": "now"},
        {"auth_time": -1},
        {"auth_time": 1 << 60},
        {"auth_time": int(time.time()) + 60},
    ):
        refused = await exchanges.token(about(7), **claims)
        assert (refused.status_code, refused.json()["code"]) == (403, "new-sign-in-needed")
    assert (await exchanges.token(about(7))).status_code == 200, "just proved"
    assert (await exchanges.token({}, auth_time=stale())).status_code == 200, "no emergency"
    assert (await exchanges.token(about(7), NURSE, auth_time=stale())).status_code == 200, "somebody else"
    assert [alarm._value.get() - was for alarm, was in zip(alarms, before, strict=True)] == [5, 1]


async def test_the_limit_is_of_the_mode_and_of_the_last_hour(
    client: httpx2.AsyncClient, pki: Pki, database: Database
) -> None:
    demonstration = {"kind": "professional", "professional_id": REGULATOR.id}

    async def ask(mode: str) -> int:
        body = {**demonstration, **URGENT, "mode": mode}
        return (await client.post("/demo/sign-in", json=body)).status_code

    assert [await ask("bris_de_glace") for _ in range(MOST + 1)] == [200] * MOST + [403]
    assert [await ask("centre_15") for _ in range(2 * MOST + 1)] == [200] * 2 * MOST + [403]
    await query(database, "update recent_requests set expires_at = now()")
    assert await ask("bris_de_glace") == 200


async def test_a_card_proves_anew_each_time(client: httpx2.AsyncClient, pki: Pki) -> None:
    assert [(await by_card(client, pki, about(n))).status_code for n in range(MOST + 1)] == [200] * (MOST + 1)


async def test_the_provider_is_asked_for_a_new_proof(client: httpx2.AsyncClient, pki: Pki) -> None:
    for _ in range(MOST):
        assert (await by_provider(client, pki, about(1))).status_code == 200
    usual = await client.post("/professionals/sign-in", json=about(1))
    prompted = await client.post("/professionals/sign-in", json={**about(1), "prompt": "login"})
    queries = [parse_qs(urlsplit(answer.json()["authorization_url"]).query) for answer in (usual, prompted)]
    assert [query.get("prompt") for query in queries] == [None, ["login"]]
    assert (await by_provider(client, pki, {**about(1), "prompt": "login"})).status_code == 200
    wrong = await client.post("/professionals/sign-in", json={**about(1), "prompt": "none"})
    assert wrong.status_code == 422


async def test_what_is_counted_names_nobody(client: httpx2.AsyncClient, pki: Pki, database: Database) -> None:
    await by_card(client, pki, about(1))
    [row] = await query(database, "select whose, expires_at from recent_requests")
    assert DOCTOR.id not in row["whose"]
    assert row["expires_at"] <= clock.now() + timedelta(hours=1)
    await query(database, "update recent_requests set expires_at = now()")
    await query(database, rates.SWEEP_RECENT, clock.now() + timedelta(seconds=1), 10)
    assert await query(database, "select from recent_requests") == []


async def test_an_emergency_record_of_another_session_names_nothing(client: httpx2.AsyncClient, pki: Pki) -> None:
    record = await open_one(client, 1)
    first, second = [await caller_of(await by_card(client, pki, about(1))) for _ in range(2)]
    assert first.names(record)
    assert second.names(record)
    assert first.emergency_record != second.emergency_record
    assert not first.names(uuid4())
