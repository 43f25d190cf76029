"""Professionals sign in with Pro Santé Connect; software exchanges its tokens."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import pytest_asyncio
from joserfc import jwt

from deploy.local.platform.psc import Person, Provider
from deploy.local.platform.psc import new_key as new_provider_key
from shared.http import jwks
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from tests.infra.identity.identity_api import administrator, assertion, new_key, query, running, token_request
from tests.infra.identity.professionals import (
    ACCESS_TOKEN,
    CLINIC,
    DOCTOR,
    EXCHANGE,
    HOSPITAL,
    ID_TOKEN,
    NURSE,
    OCCUPATIONAL,
    OURS,
    REDIRECT,
    SOCIAL,
    SOFTWARE_CLIENT,
    STRANGER,
    URGENT,
    begun,
    caller_of,
    chosen,
    doors,
    enter,
    enter_all,
    registered,
    sign_in,
)
from tests.infra.platform.databases import Database

KEY = new_key()


@pytest_asyncio.fixture
async def client(database: Database, provider: Provider) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(doors(database, provider)) as made:
        await enter_all(made)
        yield made


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def exchange(client: httpx2.AsyncClient, client_id: str, token: str, **form: str) -> httpx2.Response:
    request = token_request(assertion(client_id, KEY), grant_type=EXCHANGE, subject_token=token)
    return await client.post("/oauth/token", data={**request, "subject_token_type": ACCESS_TOKEN, **form})


async def test_a_doctor_signs_in_and_acts_for_the_structure_that_both_sides_name(client: httpx2.AsyncClient) -> None:
    response = await sign_in(client, DOCTOR)
    caller = await caller_of(response)
    assert (caller.kind, caller.id, caller.profession) == ("professional", DOCTOR.id, "G15_10")
    assert (caller.organisation_id, caller.mode, caller.client_id) == (HOSPITAL, "normal", "pro-sante-connect")
    assert caller.session_id is not None
    assert response.headers["cache-control"] == "no-store"


async def test_what_is_asked_of_the_provider_is_a_code_with_pkce_state_and_nonce(client: httpx2.AsyncClient) -> None:
    query = {name: value[0] for name, value in parse_qs(urlsplit(await begun(client)).query).items()}
    assert (query["response_type"], query["redirect_uri"], query["code_challenge_method"]) == ("code", REDIRECT, "S256")
    assert (query["client_id"], query["acr_values"]) == (OURS.id, "eidas1")
    assert len({query["state"], query["nonce"], query["code_challenge"]}) == 3
    assert min(len(query[name]) for name in ("state", "nonce", "code_challenge")) == 43


async def test_the_database_keeps_hashes_of_a_sign_in_and_nothing_that_would_finish_it(
    client: httpx2.AsyncClient, database: Database
) -> None:
    parameters = parse_qs(urlsplit(await begun(client)).query)
    [row] = await query(database, "select * from pending_sign_ins")
    kept = " ".join(str(value) for value in row.values())
    secrets = [parameters["state"][0], parameters["nonce"][0], *client.cookies.values()]
    assert not any(secret in kept for secret in secrets)


async def test_any_replica_finishes_what_another_one_began(
    client: httpx2.AsyncClient, database: Database, provider: Provider
) -> None:
    back = await chosen(await begun(client), DOCTOR)
    async with running(doors(database, provider)) as other:
        other.cookies = client.cookies
        assert (await caller_of(await other.get("/professionals/callback", params=back))).id == DOCTOR.id


async def test_two_tabs_do_not_disturb_each_other(client: httpx2.AsyncClient) -> None:
    first, second = await begun(client), await begun(client)
    backs = [await chosen(first, DOCTOR), await chosen(second, NURSE)]
    callers = [await caller_of(await client.get("/professionals/callback", params=back)) for back in reversed(backs)]
    assert [caller.id for caller in callers] == [NURSE.id, DOCTOR.id]


async def test_a_sign_in_serves_once_even_when_it_comes_back_many_times_at_once(client: httpx2.AsyncClient) -> None:
    back = await chosen(await begun(client), DOCTOR)
    cookies = dict(client.cookies)
    answers = await asyncio.gather(
        *(client.get("/professionals/callback", params=back, headers=_cookie(cookies)) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"sign-in-over"}


def _cookie(cookies: dict[str, str]) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


async def test_a_state_that_somebody_else_began_is_of_no_use(client: httpx2.AsyncClient) -> None:
    refused = REFUSED.labels("sign-in-professional", "sign-in-over")
    before = refused._value.get()
    back = await chosen(await begun(client), DOCTOR)
    client.cookies.clear()
    assert code_of(await client.get("/professionals/callback", params=back)) == (422, "sign-in-over")
    assert refused._value.get() == before + 1


@pytest.mark.parametrize("changes", [{"state": "x" * 43}, {"state": ""}, {"state": "é"}])
async def test_a_state_that_nobody_began_is_refused(client: httpx2.AsyncClient, changes: dict[str, str]) -> None:
    back = await chosen(await begun(client), DOCTOR)
    assert code_of(await client.get("/professionals/callback", params={**back, **changes})) == (422, "sign-in-over")


async def test_a_sign_in_is_over_after_ten_minutes(client: httpx2.AsyncClient, database: Database) -> None:
    back = await chosen(await begun(client), DOCTOR)
    await query(database, "update pending_sign_ins set expires_at = expires_at - interval '10 minutes'")
    assert code_of(await client.get("/professionals/callback", params=back)) == (422, "sign-in-over")


async def test_codes_of_two_sign_ins_cannot_be_swapped(client: httpx2.AsyncClient) -> None:
    mine, theirs = await chosen(await begun(client), NURSE), await chosen(await begun(client), DOCTOR)
    swapped = {**mine, "code": theirs["code"]}
    assert code_of(await client.get("/professionals/callback", params=swapped)) == (403, "provider-refused")


@pytest.mark.parametrize(
    "changes", [{"iss": "https://elsewhere.example"}, {"code": "never-given"}, {"code": None, "error": "access_denied"}]
)
async def test_an_answer_of_somebody_else_or_none_is_refused(
    client: httpx2.AsyncClient, changes: dict[str, Any]
) -> None:
    back = await chosen(await begun(client), DOCTOR)
    params = {name: value for name, value in {**back, **changes}.items() if value is not None}
    assert code_of(await client.get("/professionals/callback", params=params)) == (403, "provider-refused")


async def test_the_provider_sends_nobody_to_an_address_that_is_not_registered(client: httpx2.AsyncClient) -> None:
    url = (await begun(client)).replace("callback", "callback.evil")
    async with httpx2.AsyncClient() as browser:
        assert (await browser.get(f"{url}&person={DOCTOR.id}")).status_code == 400


async def test_the_provider_gives_no_code_without_pkce(client: httpx2.AsyncClient) -> None:
    url = (await begun(client)).replace("code_challenge_method=S256", "code_challenge_method=plain")
    assert (await chosen(url, DOCTOR))["error"] == "invalid_request"


class Forging(Provider):
    """Signs what the test says instead."""

    def forge(self, **changes: Any) -> None:
        self.changes = changes

    def id_token(self, person: Person, client_id: str, **claims: Any) -> str:
        return super().id_token(person, client_id, **{**claims, **self.changes})


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"iss": "https://elsewhere.example"}, 401, "provider-token-invalid"),
        ({"aud": "another"}, 401, "provider-token-invalid"),
        ({"azp": "another"}, 401, "provider-token-invalid"),
        ({"exp": 1}, 401, "provider-token-invalid"),
        ({"iat": None}, 401, "provider-token-invalid"),
        ({"nonce": "replayed"}, 401, "provider-token-invalid"),
        ({"nonce": None}, 401, "provider-token-invalid"),
        ({"typ": "Bearer"}, 401, "provider-token-invalid"),
        ({"sub": "f:local:899700000002"}, 401, "provider-token-invalid"),
        ({"acr": "eidas0"}, 403, "provider-claims-incomplete"),
    ],
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    client: httpx2.AsyncClient, provider: Provider, changes: dict[str, Any], status: int, code: str
) -> None:
    provider.__class__ = Forging
    provider.forge(**changes)  # type: ignore[attr-defined]
    assert code_of(await sign_in(client, DOCTOR)) == (status, code)


@pytest.mark.parametrize("how", ["none", "hmac-of-the-public-key", "another-key", "key-inside"])
async def test_a_signature_that_is_not_the_providers_is_refused(
    client: httpx2.AsyncClient, provider: Provider, how: str
) -> None:
    theirs = new_provider_key()

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    def forged(claims: dict[str, Any]) -> str:
        match how:
            case "none":
                return f"{part({'alg': 'none'})}.{part(claims)}."
            case "hmac-of-the-public-key":
                signed = f"{part({'alg': 'HS256', 'kid': provider.key.kid})}.{part(claims)}"
                mac = hmac.digest(provider.key.as_pem(private=False), signed.encode(), "sha256")
                return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
            case "key-inside":
                header = {"alg": "RS256", "jwk": theirs.as_dict(private=False)}
                return jwt.encode(header, claims, theirs, ["RS256"])
            case _:
                return jwt.encode({"alg": "RS256", "kid": provider.key.kid}, claims, theirs, ["RS256"])

    provider.sign = forged  # type: ignore[method-assign]
    assert code_of(await sign_in(client, DOCTOR)) == (401, "provider-token-invalid")


async def test_a_provider_that_rotates_its_keys_is_looked_at_again(
    client: httpx2.AsyncClient, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "MIN_FETCH_INTERVAL_S", -1)
    assert (await caller_of(await sign_in(client, DOCTOR))).id == DOCTOR.id
    provider.key = new_provider_key()
    assert (await caller_of(await sign_in(client, DOCTOR))).id == DOCTOR.id


async def test_keys_of_a_provider_that_cannot_be_used_take_none_of_the_others_away(
    client: httpx2.AsyncClient, provider: Provider
) -> None:
    provider.other_keys = ({"kty": "EC", "crv": "BP-256", "use": "sig", "x": "AAAA", "y": "AAAA"}, "no object")
    assert (await caller_of(await sign_in(client, DOCTOR))).id == DOCTOR.id


async def test_a_provider_that_is_away_is_told_as_such(database: Database, provider: Provider) -> None:
    provider.issuer = "http://127.0.0.1:1"
    async with running(doors(database, provider)) as client:
        response = await client.get("/professionals/sign-in", headers={"accept-language": "fr"})
    assert code_of(response) == (503, "provider-unavailable")
    assert "ne répond pas" in response.json()["detail"]


async def test_without_a_provider_the_way_is_closed(database: Database) -> None:
    async with running(doors(database)) as client:
        assert code_of(await client.get("/professionals/sign-in")) == (403, "provider-not-set-up")


@pytest.mark.parametrize(
    ("person", "entry", "code"),
    [
        (STRANGER, None, "professional-not-in-directory"),
        (DOCTOR, {"status": "inactive"}, "professional-not-in-directory"),
        (DOCTOR, {"profession": "G15_60"}, "profession-differs"),
        (DOCTOR, {"specialties": ["SM04"]}, "profession-differs"),
        (DOCTOR, {"structure_ids": [CLINIC]}, "structure-differs"),
        (OCCUPATIONAL, None, "occupational-medicine-never"),
    ],
)
async def test_what_the_directory_says_otherwise_is_refused(
    client: httpx2.AsyncClient, person: Person, entry: dict[str, Any] | None, code: str
) -> None:
    if entry is not None:
        await enter(client, person, **entry)
    assert code_of(await sign_in(client, person)) == (403, code)


async def test_a_structure_that_is_not_theirs_cannot_be_chosen(client: httpx2.AsyncClient) -> None:
    assert code_of(await sign_in(client, DOCTOR, organisation_id=CLINIC)) == (403, "structure-differs")


async def test_a_social_professional_signs_in_with_the_profession_of_the_directory(client: httpx2.AsyncClient) -> None:
    assert (await caller_of(await sign_in(client, SOCIAL))).profession == "R94_44"


async def test_software_exchanges_the_token_of_its_own_sign_in_for_ours(
    client: httpx2.AsyncClient, provider: Provider
) -> None:
    client_id = await registered(client, KEY)
    answer = await exchange(client, client_id, provider.access_token(DOCTOR, SOFTWARE_CLIENT))
    caller = await caller_of(answer)
    assert (caller.kind, caller.id, caller.client_id) == ("professional", DOCTOR.id, client_id)
    assert (caller.organisation_id, caller.scopes) == (HOSPITAL, frozenset())
    assert answer.json()["issued_token_type"] == ACCESS_TOKEN


async def test_a_deactivated_client_exchanges_nothing(client: httpx2.AsyncClient, provider: Provider) -> None:
    client_id = await registered(client, KEY)
    await client.post(f"/clients/{client_id}/deactivate", headers=administrator("clients.write"))
    refused = await exchange(client, client_id, provider.access_token(DOCTOR, SOFTWARE_CLIENT))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_an_exchanged_token_lives_no_longer_than_the_one_it_was_given_for(
    client: httpx2.AsyncClient, provider: Provider
) -> None:
    client_id = await registered(client, KEY)
    token = provider.access_token(DOCTOR, SOFTWARE_CLIENT, exp=int(time.time()) + 60)
    assert (await exchange(client, client_id, token)).json()["expires_in"] <= 60


@pytest.mark.parametrize(
    ("claims", "form", "code"),
    [
        ({"azp": OURS.id}, {}, "provider-token-invalid"),
        ({"iss": "https://elsewhere.example"}, {}, "provider-token-invalid"),
        ({"exp": 1}, {}, "provider-token-invalid"),
        ({"typ": "ID"}, {}, "provider-token-invalid"),
        ({}, {"subject_token_type": ID_TOKEN}, "provider-token-invalid"),
        ({}, {"subject_token": "a.b.c"}, "provider-token-invalid"),
        ({}, {"subject_token_type": "urn:other"}, "token-request-invalid"),
        ({}, {"actor_token": "x"}, "token-request-invalid"),
        ({}, {**URGENT, "mode": "centre_15"}, "mode-not-fitting"),
    ],
)
async def test_a_token_that_was_given_for_something_else_is_not_exchanged(
    client: httpx2.AsyncClient, provider: Provider, claims: dict[str, Any], form: dict[str, str], code: str
) -> None:
    client_id = await registered(client, KEY)
    token = provider.access_token(DOCTOR, SOFTWARE_CLIENT, **claims)
    response = await exchange(client, client_id, token, **form)
    assert (response.json()["code"], response.json()["error"]) == (code, "invalid_request")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scopes": ["documents.deposit"]}, "exchange-not-granted"),
        ({"psc_client_id": None}, "exchange-not-granted"),
        ({"organisation_id": CLINIC}, "structure-differs"),
    ],
)
async def test_software_carries_only_who_works_in_its_structure_and_only_with_the_profile(
    client: httpx2.AsyncClient, provider: Provider, changes: dict[str, Any], code: str
) -> None:
    client_id = await registered(client, KEY, **changes)
    response = await exchange(client, client_id, provider.access_token(DOCTOR, SOFTWARE_CLIENT))
    assert code_of(response) == (403, code)


async def test_an_id_token_is_exchanged_where_it_says_enough(client: httpx2.AsyncClient, provider: Provider) -> None:
    client_id = await registered(client, KEY)
    short = provider.id_token(DOCTOR, SOFTWARE_CLIENT)
    refused = await exchange(client, client_id, short, subject_token_type=ID_TOKEN)
    assert code_of(refused) == (403, "provider-claims-incomplete")
    full = provider.id_token(DOCTOR, SOFTWARE_CLIENT, **DOCTOR.userinfo())
    answer = await exchange(client, client_id, full, subject_token_type=ID_TOKEN)
    assert (await caller_of(answer)).id == DOCTOR.id


async def test_software_of_a_structure_that_is_no_longer_active_gets_no_token(
    client: httpx2.AsyncClient, provider: Provider
) -> None:
    client_id = await registered(client, KEY)
    closed = {"name": "Hôpital", "status": "inactive"}
    await client.put(f"/structures/{HOSPITAL}", json=closed, headers=administrator())
    answer = await client.post("/oauth/token", data=token_request(assertion(client_id, KEY)))
    assert code_of(answer) == (401, "assertion-invalid")
    answer = await exchange(client, client_id, provider.access_token(DOCTOR, SOFTWARE_CLIENT))
    assert code_of(answer) == (401, "assertion-invalid")


async def test_an_assertion_serves_one_exchange(client: httpx2.AsyncClient, provider: Provider) -> None:
    client_id = await registered(client, KEY)
    form = token_request(
        assertion(client_id, KEY),
        grant_type=EXCHANGE,
        subject_token=provider.access_token(DOCTOR, SOFTWARE_CLIENT),
        subject_token_type=ACCESS_TOKEN,
    )
    answers = [await client.post("/oauth/token", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]


async def test_what_is_over_is_swept(client: httpx2.AsyncClient, database: Database) -> None:
    from services.identity.professionals import store as professional_sessions
    from shared.db.pool import create_pool

    await sign_in(client, DOCTOR)
    await begun(client)
    pool = await create_pool(doors(database).postgres, application="tests")
    async with pool.acquire() as connection:
        for statement in (professional_sessions.SWEEP_PENDING, professional_sessions.SWEEP_SESSIONS):
            await connection.execute(statement, clock.now(), 10)
        assert len(await query(database, "select from pending_sign_ins")) == 1
        for table in ("pending_sign_ins", "professional_sessions"):
            await query(database, f"update {table} set expires_at = now() - interval '1 second'")
        for statement in (professional_sessions.SWEEP_PENDING, professional_sessions.SWEEP_SESSIONS):
            await connection.execute(statement, clock.now(), 10)
    pool.terminate()
    assert await query(database, "select from pending_sign_ins") == []
    assert await query(database, "select from professional_sessions") == []
