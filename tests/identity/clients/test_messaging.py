"""Administrators say how software sends messages; the other services learn it, and who was deactivated."""

from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from deploy.local.platform.pki import new_pki
from services.identity.clients.usecases.announce_clients import announce_clients
from shared.contracts.identity import ClientAdministered, ClientChanged
from shared.db.pool import create_pool
from shared.runtime.settings import PostgresSettings
from tests.identity.clients.test_registrations import HOSPITAL, act, register, structures
from tests.infra.http.tokens import bearer, make_token
from tests.infra.identity.identity_api import announced, new_key
from tests.infra.platform.databases import Database

LISTENER = {"host": "sil.example", "port": 2575, "tls": True}
DIGEST = "ab" * 32


async def states(database: Database) -> list[ClientChanged]:
    return [event for event in await announced(database) if isinstance(event, ClientChanged)]


async def software(client: httpx2.AsyncClient) -> str:
    await structures(client)
    return await register(client, "Laboratoire", new_key())


async def put(client: httpx2.AsyncClient, client_id: str, **body: Any) -> httpx2.Response:
    return await act(client, "PUT", f"/{client_id}/messaging", body)


async def test_certificates_and_applications_are_set_shown_and_announced(
    client: httpx2.AsyncClient, database: Database
) -> None:
    client_id = await software(client)
    issued = new_pki().organisation(HOSPITAL)
    digest = issued.certificate.fingerprint(SHA256()).hex()
    body = {"certificates": [issued.pem.decode(), DIGEST.upper()], "applications": ["SIL-Y|labo", " RIS-Y| "]}
    answer = await put(client, client_id, **body, listener=LISTENER, client_class="bulk")
    assert answer.status_code == 200, answer.text
    shown = (await act(client, "GET", f"/{client_id}/messaging")).json()
    assert shown == answer.json()
    assert set(shown["certificates"]) == {digest, DIGEST}
    assert shown["applications"] == ["RIS-Y|", "SIL-Y|labo"]
    registered, changed = await states(database)
    assert (registered.version, registered.status, registered.certificates) == (1, "active", ())
    assert (changed.version, changed.organisation_id, changed.scopes) == (2, HOSPITAL, ("documents.deposit",))
    assert set(changed.certificates) == {digest, DIGEST}
    assert changed.client_class == "bulk"
    assert changed.listener is not None
    assert changed.listener.model_dump() == LISTENER
    [trace] = [event for event in await announced(database) if isinstance(event, ClientAdministered)][1:]
    assert (trace.action, trace.changed) == ("change-client", ("messaging",))
    await put(client, client_id, **body, listener=LISTENER, client_class="bulk")
    assert len(await states(database)) == 2, "what changes nothing is not announced"


async def test_a_deactivated_client_is_announced_as_such(client: httpx2.AsyncClient, database: Database) -> None:
    client_id = await software(client)
    await act(client, "POST", f"/{client_id}/deactivate")
    await act(client, "POST", f"/{client_id}/reactivate")
    statuses = [(event.version, event.status) for event in await states(database)]
    assert statuses == [(1, "active"), (2, "inactive"), (3, "active")]


async def test_software_whose_structure_ends_and_software_of_an_older_release_are_announced_by_a_loop(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await software(client)
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="test")
    try:
        assert await announce_clients(pool) == 0
        await pool.execute("update structures set status = 'inactive'")
        assert await announce_clients(pool) == 1
        await pool.execute("update clients set announced_active = null")
        assert await announce_clients(pool) == 1
    finally:
        await pool.close()
    assert [event.status for event in await states(database)] == ["active", "inactive", "inactive"]


@pytest.mark.parametrize(
    "body",
    [
        {"certificates": ["-----BEGIN CERTIFICATE-----"]},
        {"certificates": ["ab"]},
        {"applications": ["SIL-Y"]},
        {"applications": ["|labo"]},
        {"applications": ["A|B|C"]},
        {"listener": {"host": "x", "port": 0}},
        {"client_class": "fast"},
    ],
)
async def test_settings_that_cannot_be_meant_are_refused(client: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    client_id = await software(client)
    assert (await put(client, client_id, **body)).status_code == 422


async def test_only_software_has_them_and_only_administrators_set_them(client: httpx2.AsyncClient) -> None:
    client_id = await software(client)
    other = await register(
        client, "Administration", new_key(), kind="administrator", scopes=["clients.write"], organisation_id=None
    )
    assert (await put(client, other)).json()["code"] == "client-not-software"
    assert (await put(client, "nobody")).json()["code"] == "client-unknown"
    stranger = bearer(make_token("software", client_id, scope="documents.deposit"))
    refused = await act(client, "PUT", f"/{client_id}/messaging", {}, **stranger)
    assert refused.status_code == 403
