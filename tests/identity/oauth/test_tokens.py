"""Software: its registration, and the tokens it is granted for a proof."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from services.identity import loops
from services.identity.clients.domain.clients import ClientNameTakenError, new_client
from services.identity.clients.store import clients
from services.identity.clients.usecases.register_client import register_client
from shared.db.pool import Pool, create_pool
from shared.http.tokens import TokenVerifier
from tests.infra.http.tokens import ISSUER, KEY, SETTINGS, TestKeys, bearer
from tests.infra.identity.identity_api import (
    ASSERTION_TYPE,
    TOKEN_ENDPOINT,
    administrator,
    assertion,
    new_key,
    public,
    query,
    running,
    settings_of,
    token_request,
)
from tests.infra.platform.databases import Database

CLIENT_KEY = new_key()
BOOTSTRAP: dict[str, Any] = {
    "name": "bootstrap",
    "kind": "administrator",
    "scopes": ["records.open", "directory.write", "clients.write"],
    "keys": [public(CLIENT_KEY)],
}
SOFTWARE: dict[str, Any] = {
    "name": "Hôpital de Démonstration, DPI",
    "kind": "software",
    "scopes": ["documents.deposit"],
    "keys": [public(CLIENT_KEY)],
    "organisation_id": "1750000001",
}


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = await create_pool(settings_of(database).postgres, application="tests")
    yield made
    made.terminate()


async def ask(client: httpx2.AsyncClient, proof: str, **changes: str) -> httpx2.Response:
    return await client.post("/oauth/token", data=token_request(proof, **changes))


async def register(client: httpx2.AsyncClient, body: Any, scope: str | None = None) -> httpx2.Response:
    headers = administrator() if scope is None else administrator(scope)
    return await client.post("/clients", json=body, headers=headers)


async def with_hospital(client: httpx2.AsyncClient) -> None:
    await client.put("/structures/1750000001", json={"name": "Hôpital"}, headers=administrator())


async def test_the_first_client_is_registered_without_a_token_and_can_then_do_everything(
    client: httpx2.AsyncClient, pool: Pool
) -> None:
    registered = await register_client(pool, new_client(**BOOTSTRAP))
    assert registered.is_new
    response = await ask(client, assertion(registered.client_id, CLIENT_KEY))
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    granted = response.json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 300)
    assert granted["scope"] == "clients.write directory.write records.open"
    headers = bearer(granted["access_token"])
    assert (await client.put("/structures/1750000001", json={"name": "H"}, headers=headers)).status_code == 200
    assert (await client.post("/clients", json=SOFTWARE, headers=headers)).status_code == 201


async def test_registering_the_same_client_again_is_the_same_client(pool: Pool) -> None:
    first = await register_client(pool, new_client(**BOOTSTRAP))
    again = await register_client(pool, new_client(**{**BOOTSTRAP, "name": " bootstrap "}))
    assert (again.client_id, again.is_new) == (first.client_id, False)
    at_once = await asyncio.gather(*(register_client(pool, new_client(**{**BOOTSTRAP, "name": "b"})) for _ in range(8)))
    assert len({registration.client_id for registration in at_once}) == 1
    assert sum(registration.is_new for registration in at_once) == 1


async def test_a_name_is_taken_over_only_by_who_may_replace(client: httpx2.AsyncClient, pool: Pool) -> None:
    first = await register_client(pool, new_client(**BOOTSTRAP))
    new = new_key()
    with pytest.raises(ClientNameTakenError):
        await register_client(pool, new_client(**{**BOOTSTRAP, "keys": [public(new)]}))
    async with pool.acquire() as connection:
        replaced = await register_client(connection, new_client(**{**BOOTSTRAP, "keys": [public(new)]}), replace=True)
    assert replaced.client_id == first.client_id
    assert (await ask(client, assertion(first.client_id, CLIENT_KEY))).status_code == 401
    assert (await ask(client, assertion(first.client_id, new))).status_code == 200


async def test_a_plain_connection_of_the_app_role_is_enough(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn)
    try:
        assert (await register_client(connection, new_client(**BOOTSTRAP))).is_new
    finally:
        await connection.close()


async def test_software_is_granted_a_token_that_names_its_structure(client: httpx2.AsyncClient) -> None:
    await with_hospital(client)
    created = await register(client, SOFTWARE)
    assert created.status_code == 201
    again = await register(client, SOFTWARE)
    assert (again.status_code, again.json()) == (200, created.json())
    client_id = created.json()["client_id"]
    token = (await ask(client, assertion(client_id, CLIENT_KEY), client_id=client_id)).json()["access_token"]
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(token)
    assert (caller.kind, caller.id, caller.client_id) == ("software", client_id, client_id)
    assert (caller.organisation_id, caller.scopes) == ("1750000001", frozenset({"documents.deposit"}))


@pytest.mark.parametrize("client_class", ["interactive", "bulk"])
async def test_a_token_says_whether_the_requests_of_the_software_may_wait(
    client: httpx2.AsyncClient, client_class: str
) -> None:
    await with_hospital(client)
    client_id = (await register(client, SOFTWARE)).json()["client_id"]
    body = {"certificates": [], "applications": [], "client_class": client_class}
    answer = await client.put(f"/clients/{client_id}/messaging", json=body, headers=administrator())
    assert answer.status_code == 200, answer.text
    token = (await ask(client, assertion(client_id, CLIENT_KEY), client_id=client_id)).json()["access_token"]
    assert (await TokenVerifier(SETTINGS, TestKeys()).verify(token)).is_bulk is (client_class == "bulk")


@pytest.mark.parametrize(
    ("changes", "scope", "status", "code"),
    [
        ({}, "records.open", 403, "forbidden"),
        ({"kind": "operator", "scopes": ["operations"]}, "clients.write", 403, "scope-not-grantable"),
        ({"scopes": ["clients.write"]}, None, 422, "scope-unknown"),
        ({"scopes": []}, None, 422, "scope-unknown"),
        ({"kind": "patient"}, None, 422, "client-invalid"),
        ({"name": "x" * 101}, None, 422, "client-invalid"),
        ({"name": "a\x00b"}, None, 422, "nul-character"),
        ({"keys": []}, None, 422, "key-unusable"),
        ({"keys": [CLIENT_KEY.as_dict(private=True)]}, None, 422, "key-unusable"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, None, 422, "key-unusable"),
        ({"keys": ["x"]}, None, 422, "invalid"),
        ({"organisation_id": "1750000009"}, None, 422, "structure-unknown"),
        ({"organisation_id": None}, None, 422, "organisation-needed"),
    ],
)
async def test_a_registration_that_cannot_be_is_refused_with_the_reason(
    refusing: httpx2.AsyncClient, changes: dict[str, Any], scope: str | None, status: int, code: str
) -> None:
    await with_hospital(refusing)
    response = await register(refusing, {**SOFTWARE, **changes}, scope)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_a_stored_key_that_can_no_longer_be_used_takes_none_of_the_others_away(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await with_hospital(client)
    client_id = (await register(client, SOFTWARE)).json()["client_id"]
    beside = json.dumps([{"kty": "EC", "crv": "BP-256", "kid": "old", "x": "AAAA", "y": "AAAA"}])
    await query(database, "update clients set jwks = $1::jsonb || jwks where id = $2", beside, client_id)
    assert (await ask(client, assertion(client_id, CLIENT_KEY), client_id=client_id)).status_code == 200
    await query(database, "update clients set jwks = $1::jsonb where id = $2", beside, client_id)
    answer = await ask(client, assertion(client_id, CLIENT_KEY), client_id=client_id)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_another_client_of_the_same_name_is_a_conflict(client: httpx2.AsyncClient) -> None:
    await with_hospital(client)
    await register(client, SOFTWARE)
    response = await register(client, {**SOFTWARE, "keys": [public(new_key())]})
    assert (response.status_code, response.json()["code"]) == (409, "client-name-taken")


async def test_scopes_can_be_asked_for_one_by_one_but_not_beyond(client: httpx2.AsyncClient, pool: Pool) -> None:
    client_id = (await register_client(pool, new_client(**BOOTSTRAP))).client_id
    single = await ask(client, assertion(client_id, CLIENT_KEY), scope="records.open")
    assert (single.status_code, single.json()["scope"]) == (200, "records.open")
    beyond = await ask(client, assertion(client_id, CLIENT_KEY), scope="records.open documents.deposit")
    assert (beyond.status_code, beyond.json()["error"]) == (400, "invalid_scope")


async def test_an_assertion_serves_once_even_when_it_comes_twice_at_the_same_time(
    client: httpx2.AsyncClient, pool: Pool
) -> None:
    client_id = (await register_client(pool, new_client(**BOOTSTRAP))).client_id
    proof = assertion(client_id, CLIENT_KEY)
    responses = await asyncio.gather(*(ask(client, proof) for _ in range(10)))
    assert sorted(response.status_code for response in responses) == [200] + [401] * 9
    refused = next(response.json() for response in responses if response.status_code == 401)
    assert (refused["error"], refused["code"]) == ("invalid_client", "assertion-replayed")


async def test_a_used_assertion_is_remembered_until_it_has_expired(
    client: httpx2.AsyncClient, database: Database, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "SWEEP_EVERY_S", 0)
    client_id = (await register_client(pool, new_client(**BOOTSTRAP))).client_id
    await ask(client, assertion(client_id, CLIENT_KEY))
    await loops.sweep_assertions(pool)
    assert len(await query(database, "select from used_assertions")) == 1
    async with pool.acquire() as connection:
        [row] = await connection.fetch("select expires_at from used_assertions")
        await connection.execute(clients.SWEEP_ASSERTIONS, row["expires_at"], 10)
        assert len(await query(database, "select from used_assertions")) == 1
    await query(database, "update used_assertions set expires_at = now() - interval '1 second'")
    await loops.sweep_assertions(pool)
    assert await query(database, "select from used_assertions") == []


@pytest.mark.parametrize(
    ("key", "claims", "code"),
    [
        (new_key(), {}, "assertion-invalid"),
        (CLIENT_KEY, {"sub": "nobody", "iss": "nobody"}, "assertion-invalid"),
        (CLIENT_KEY, {"aud": "https://other.example"}, "assertion-misaddressed"),
        (CLIENT_KEY, {"exp": int(time.time()) - 60}, "assertion-expired"),
        (CLIENT_KEY, {"exp": int(time.time()) + 86_400}, "assertion-too-long"),
    ],
)
async def test_a_proof_that_does_not_hold_is_answered_as_oauth_says(
    refusing: httpx2.AsyncClient, unchanged: Database, key: ECKey, claims: dict[str, Any], code: str
) -> None:
    connection = await asyncpg.connect(unchanged.dsn)
    client_id = (await register_client(connection, new_client(**BOOTSTRAP))).client_id
    await connection.close()
    response = await ask(refusing, assertion(client_id, key, **claims))
    body = response.json()
    assert (response.status_code, body["error"], body["code"]) == (401, "invalid_client", code)
    assert body["error_description"]
    assert response.headers["content-type"] == "application/json"


async def test_a_disabled_client_gets_no_token(client: httpx2.AsyncClient, database: Database, pool: Pool) -> None:
    client_id = (await register_client(pool, new_client(**BOOTSTRAP))).client_id
    await query(database, "update clients set status = 'disabled'")
    assert (await ask(client, assertion(client_id, CLIENT_KEY))).status_code == 401


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:other"}, "invalid_request"),
        ({"client_assertion": ""}, "invalid_request"),
        ({"client_id": "another"}, "invalid_request"),
        ({"client_assertion": "a.b.c"}, "invalid_client"),
    ],
)
async def test_a_request_out_of_form_is_answered_as_oauth_says(
    refusing: httpx2.AsyncClient, changes: dict[str, str], error: str
) -> None:
    response = await refusing.post("/oauth/token", data=token_request(assertion("c", CLIENT_KEY)) | changes)
    assert (response.status_code, response.json()["error"]) == (401 if error == "invalid_client" else 400, error)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=1&" * 50, "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
        (b"client_assertion=%01%ff", "application/x-www-form-urlencoded"),
        (b'{"grant_type":"client_credentials"}', "application/json"),
        (b"x", ""),
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_answered_as_oauth_says(
    refusing: httpx2.AsyncClient, content: bytes, content_type: str
) -> None:
    response = await refusing.post("/oauth/token", content=content, headers={"content-type": content_type})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_the_issuer_publishes_its_keys_and_where_tokens_are_asked_for(refusing: httpx2.AsyncClient) -> None:
    jwks = (await refusing.get("/.well-known/jwks.json")).json()
    assert [(key["kid"], key["use"], key["alg"]) for key in jwks["keys"]] == [("test", "sig", "ES256")]
    assert all("d" not in key for key in jwks["keys"])
    metadata = (await refusing.get("/.well-known/oauth-authorization-server")).json()
    assert (metadata["issuer"], metadata["token_endpoint"]) == (ISSUER, TOKEN_ENDPOINT)
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "tls_client_auth"]
    assert ASSERTION_TYPE.endswith("jwt-bearer")


async def test_during_a_rotation_tokens_of_both_keys_are_taken(database: Database, pool: Pool) -> None:
    new = new_key()
    signing = json.dumps([new.as_dict(private=True), KEY.as_dict(private=True)])
    client_id = (await register_client(pool, new_client(**BOOTSTRAP))).client_id
    async with running(settings_of(database)) as client:
        old_token = (await ask(client, assertion(client_id, CLIENT_KEY))).json()["access_token"]
    async with running(settings_of(database, keys={"signing": signing})) as client:
        new_token = (await ask(client, assertion(client_id, CLIENT_KEY))).json()["access_token"]
        keys = KeySet.import_key_set((await client.get("/.well-known/jwks.json")).json())
        assert jwt.decode(new_token, keys, algorithms=["ES256"]).header["kid"] == new.kid
        for token in (old_token, new_token):
            put = await client.put("/structures/1750000001", json={"name": "H"}, headers=bearer(token))
            assert put.status_code == 200
