"""The life of registered software: list, changes, keys with an overlap, deactivation; each act is reported."""

from typing import Any

import httpx2
import pytest
from joserfc.jwk import ECKey

from shared.contracts.identity import ClientAdministered
from tests.infra.http.tokens import bearer, make_token
from tests.infra.identity.identity_api import (
    administrator,
    announced,
    assertion,
    new_key,
    public,
    token_request,
)
from tests.infra.platform.databases import Database

HOSPITAL, CLINIC = "1750000001", "1750000002"


async def structures(client: httpx2.AsyncClient) -> None:
    for structure in (HOSPITAL, CLINIC):
        await client.put(f"/structures/{structure}", json={"name": structure}, headers=administrator())


async def register(
    client: httpx2.AsyncClient, name: str, key: ECKey, organisation: str = HOSPITAL, **changes: Any
) -> str:
    body = {
        "name": name,
        "kind": "software",
        "scopes": ["documents.deposit"],
        "keys": [public(key)],
        "organisation_id": organisation,
        **changes,
    }
    answer = await client.post("/clients", json=body, headers=administrator())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


async def token(client: httpx2.AsyncClient, client_id: str, key: ECKey) -> httpx2.Response:
    return await client.post("/oauth/token", data=token_request(assertion(client_id, key)))


async def act(client: httpx2.AsyncClient, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    return await client.request(method, f"/clients{path}", json=body, headers=headers or administrator())


async def test_clients_are_listed_page_after_page_by_structure_and_status(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = new_key()
    first, second, third = [await register(client, f"Hôpital {number}", key) for number in range(3)]
    other = await register(client, "Clinique", key, CLINIC)
    assert (await act(client, "POST", f"/{second}/deactivate")).status_code == 200
    page = (await act(client, "GET", f"?organisation_id={HOSPITAL}&limit=2")).json()
    assert [listed["client_id"] for listed in page["clients"]] == [first, second]
    rest = (await act(client, "GET", f"?organisation_id={HOSPITAL}&limit=2&after={page['next']}")).json()
    assert ([listed["client_id"] for listed in rest["clients"]], rest["next"]) == ([third], None)
    disabled = (await act(client, "GET", "?status=disabled")).json()["clients"]
    assert [listed["client_id"] for listed in disabled] == [second]
    everything = (await act(client, "GET", "")).json()["clients"]
    assert [listed["client_id"] for listed in everything] == [first, second, third, other]


async def test_a_client_is_shown_with_its_public_keys(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = new_key()
    client_id = await register(client, "Hôpital", key)
    shown = (await act(client, "GET", f"/{client_id}")).json()
    assert shown["name"] == "Hôpital"
    assert (shown["kind"], shown["status"], shown["organisation_id"]) == ("software", "active", HOSPITAL)
    assert [jwk["kid"] for jwk in shown["keys"]] == [key.kid]
    assert "d" not in shown["keys"][0]
    assert (await act(client, "GET", "/nobody")).json()["code"] == "client-unknown"


async def test_a_deactivated_client_gets_no_token_until_it_is_active_again(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = new_key()
    client_id = await register(client, "Hôpital", key)
    assert (await token(client, client_id, key)).status_code == 200
    assert (await act(client, "POST", f"/{client_id}/deactivate")).json()["status"] == "disabled"
    refused = await token(client, client_id, key)
    assert (refused.status_code, refused.json()["error"], refused.json()["code"]) == (
        401,
        "invalid_client",
        "client-disabled",
    )
    stranger = await token(client, client_id, new_key())
    assert (stranger.status_code, stranger.json()["code"]) == (401, "assertion-invalid")
    assert (await act(client, "POST", f"/{client_id}/reactivate")).json()["status"] == "active"
    assert (await token(client, client_id, key)).status_code == 200


async def test_registering_it_again_does_not_wake_a_deactivated_client(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = new_key()
    client_id = await register(client, "Hôpital", key)
    await act(client, "POST", f"/{client_id}/deactivate")
    body = {
        "name": "Hôpital",
        "kind": "software",
        "scopes": ["documents.deposit"],
        "keys": [public(key)],
        "organisation_id": HOSPITAL,
    }
    again = await act(client, "POST", "", body)
    assert (again.status_code, again.json()["code"]) == (409, "client-name-taken")
    assert (await token(client, client_id, key)).status_code == 401


async def test_a_key_is_replaced_with_an_overlap(client: httpx2.AsyncClient) -> None:
    await structures(client)
    old, new = new_key(), new_key()
    client_id = await register(client, "Hôpital", old)
    last = await act(client, "DELETE", f"/{client_id}/keys/{old.kid}")
    assert (last.status_code, last.json()["code"]) == (409, "client-key-last")
    added = await act(client, "POST", f"/{client_id}/keys", {"keys": [public(new)]})
    assert {jwk["kid"] for jwk in added.json()["keys"]} == {old.kid, new.kid}
    assert [(await token(client, client_id, key)).status_code for key in (old, new)] == [200, 200]
    removed = await act(client, "DELETE", f"/{client_id}/keys/{old.kid}")
    assert [jwk["kid"] for jwk in removed.json()["keys"]] == [new.kid]
    assert [(await token(client, client_id, key)).status_code for key in (old, new)] == [401, 200]
    gone = await act(client, "DELETE", f"/{client_id}/keys/{old.kid}")
    assert (gone.status_code, gone.json()["code"]) == (404, "client-key-unknown")


async def test_a_kid_of_another_key_and_a_fifth_key_are_refused(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = ECKey.generate_key("P-256", {"kid": "urn:key/1"}, private=True)
    client_id = await register(client, "Hôpital", key)
    same = await act(client, "POST", f"/{client_id}/keys", {"keys": [{**public(new_key()), "kid": key.kid}]})
    assert (same.status_code, same.json()["code"]) == (409, "client-key-id-taken")
    four = {"keys": [public(new_key()) for _ in range(4)]}
    many = await act(client, "POST", f"/{client_id}/keys", four)
    assert (many.status_code, many.json()["code"]) == (422, "key-unusable")
    assert (await act(client, "POST", f"/{client_id}/keys", {"keys": four["keys"][:1]})).status_code == 200
    assert (await act(client, "DELETE", f"/{client_id}/keys/urn:key%2F1")).status_code == 200


async def test_the_next_token_has_the_changed_scopes(client: httpx2.AsyncClient) -> None:
    await structures(client)
    key = new_key()
    client_id = await register(client, "Hôpital", key)
    change = {"name": "Hôpital, DPI 2", "scopes": ["documents.read"], "psc_client_id": "dpi-2"}
    changed = (await act(client, "PATCH", f"/{client_id}", change)).json()
    assert (changed["name"], changed["scopes"], changed["psc_client_id"]) == (
        "Hôpital, DPI 2",
        ["documents.read"],
        "dpi-2",
    )
    assert (await token(client, client_id, key)).json()["scope"] == "documents.read"
    removed = (await act(client, "PATCH", f"/{client_id}", {"psc_client_id": None})).json()
    assert (removed["name"], removed["psc_client_id"]) == ("Hôpital, DPI 2", None)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "Taken"}, 409, "client-name-taken"),
        ({"name": ""}, 422, "invalid"),
        ({"scopes": []}, 422, "scope-unknown"),
        ({"scopes": ["clients.write"]}, 422, "scope-unknown"),
        ({"certificate_subject": "CN=other"}, 422, "certificate-subject-invalid"),
        ({"organisation_id": CLINIC}, 422, "invalid"),
        ({"kind": "administrator"}, 422, "invalid"),
    ],
)
async def test_a_change_that_no_registration_could_have_is_refused_whole(
    client: httpx2.AsyncClient, change: dict[str, Any], status: int, code: str
) -> None:
    await structures(client)
    await register(client, "Taken", new_key())
    client_id = await register(client, "Hôpital", new_key())
    before = (await act(client, "GET", f"/{client_id}")).json()
    refused = await act(client, "PATCH", f"/{client_id}", change)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await act(client, "GET", f"/{client_id}")).json() == before


@pytest.mark.parametrize("who", ["patient", "professional", "software", "operator"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/{id}", None),
        ("PATCH", "/{id}", {"name": "Mine"}),
        ("POST", "/{id}/keys", {"keys": [public(new_key())]}),
        ("DELETE", "/{id}/keys/k", None),
        ("POST", "/{id}/deactivate", None),
        ("POST", "/{id}/reactivate", None),
    ],
)
async def test_only_an_administrator_sees_and_changes_clients(
    client: httpx2.AsyncClient, who: str, method: str, path: str, body: Any
) -> None:
    await structures(client)
    client_id = await register(client, "Hôpital", new_key())
    before = (await act(client, "GET", f"/{client_id}")).json()
    headers = bearer(make_token(who, "899700000001", scope="documents.deposit operations"))
    refused = await act(client, method, path.replace("{id}", client_id), body, **headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await act(client, "GET", f"/{client_id}")).json() == before


async def test_nobody_takes_over_a_client_that_may_do_more_than_they(client: httpx2.AsyncClient) -> None:
    """Whoever adds a key to a client, or wakes it, holds its scopes; whoever takes rights away need not."""
    mighty = await register(
        client, "Office", new_key(), kind="administrator", scopes=["operations"], organisation_id=None
    )
    registrar = administrator("clients.write")
    for method, path, body in (
        ("POST", "/keys", {"keys": [public(new_key())]}),
        ("PATCH", "", {"scopes": ["records.open"]}),
        ("PATCH", "", {"name": "Mine"}),
        ("POST", "/reactivate", None),
    ):
        refused = await act(client, method, f"/{mighty}{path}", body, **registrar)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope-not-grantable"), (method, path)
    assert (await act(client, "POST", f"/{mighty}/deactivate", **registrar)).status_code == 200


async def test_an_administrator_does_not_lock_itself_out(client: httpx2.AsyncClient) -> None:
    key = new_key()
    scopes = ["clients.write", "operations"]
    own = await register(client, "Office", key, kind="administrator", scopes=scopes, organisation_id=None)
    headers = bearer((await token(client, own, key)).json()["access_token"])
    refused = await act(client, "POST", f"/{own}/deactivate", **headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "client-own")
    assert (await token(client, own, key)).status_code == 200


async def test_each_act_is_reported_to_the_ledger_once_without_names(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await structures(client)
    old, new = new_key(), new_key()
    client_id = await register(client, "Hôpital", old)
    await register_again(client, old)
    for method, path, body in (
        ("PATCH", "", {"name": "Secrétariat de Mme Untel", "scopes": ["documents.read"]}),
        ("PATCH", "", {"scopes": ["documents.read"]}),
        ("POST", "/keys", {"keys": [public(new)]}),
        ("DELETE", f"/keys/{old.kid}", None),
        ("POST", "/deactivate", None),
        ("POST", "/deactivate", None),
        ("POST", "/reactivate", None),
    ):
        assert (await act(client, method, f"/{client_id}{path}", body)).status_code == 200
    events = [event for event in await announced(database) if isinstance(event, ClientAdministered)]
    assert {(event.subject_id, event.key, event.actor.client_id) for event in events} == {
        (client_id, client_id, "admin-1")
    }
    assert [(event.action, event.changed, event.status) for event in events] == [
        ("register-client", (), "active"),
        ("change-client", ("name", "scopes"), "active"),
        ("add-client-keys", ("jwks",), "active"),
        ("remove-client-key", ("jwks",), "active"),
        ("deactivate-client", (), "disabled"),
        ("reactivate-client", (), "active"),
    ]
    assert (events[0].scopes, events[1].scopes) == (("documents.deposit",), ("documents.read",))
    assert [events[2].keys, events[3].keys] == [
        tuple(sorted((old.thumbprint(), new.thumbprint()))),
        (new.thumbprint(),),
    ]
    assert "Untel" not in "".join(event.model_dump_json() for event in events)


async def register_again(client: httpx2.AsyncClient, key: ECKey) -> None:
    body = {
        "name": "Hôpital",
        "kind": "software",
        "scopes": ["documents.deposit"],
        "keys": [public(key)],
        "organisation_id": HOSPITAL,
    }
    assert (await act(client, "POST", "", body)).status_code == 200
