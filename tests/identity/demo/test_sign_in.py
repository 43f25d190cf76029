"""The direct sign-in of a demonstration: for invented people, on this machine only."""

from typing import Any
from uuid import uuid4

import httpx2
import pytest

from shared.http.tokens import TokenVerifier
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.identity_api import administrator, open_one, running, settings_of
from tests.infra.platform.databases import Database

DOCTOR = "899700000001"


async def sign_in(client: httpx2.AsyncClient, **body: Any) -> httpx2.Response:
    return await client.post("/demo/sign-in", json=body)


async def enter(client: httpx2.AsyncClient, *structures: str, status: str = "active") -> None:
    for structure in structures:
        hospital = {"name": "Hôpital", "status": status}
        await client.put(f"/structures/{structure}", json=hospital, headers=administrator())
    doctor = {"name": "Dr Camille INVENTÉ", "profession": "10", "structure_ids": list(structures)}
    response = await client.put(f"/professionals/{DOCTOR}", json=doctor, headers=administrator())
    assert response.status_code == 200


async def test_a_patient_gets_a_token_of_their_own_record(client: httpx2.AsyncClient) -> None:
    record_id = await open_one(client)
    response = await sign_in(client, kind="patient", record_id=str(record_id))
    assert response.status_code == 200
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(response.json()["access_token"])
    assert (caller.kind, caller.id, caller.record_id) == ("patient", str(record_id), record_id)
    assert caller.scopes == frozenset()
    own = await client.get(
        f"/records/{record_id}", headers={"authorization": f"Bearer {response.json()['access_token']}"}
    )
    assert own.status_code == 200


async def test_a_professional_gets_profession_and_structure_from_the_directory(client: httpx2.AsyncClient) -> None:
    await enter(client, "1750000001")
    response = await sign_in(client, kind="professional", professional_id=DOCTOR)
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(response.json()["access_token"])
    assert (caller.kind, caller.id, caller.profession) == ("professional", DOCTOR, "G15_10")
    assert caller.organisation_id == "1750000001"


async def test_a_professional_of_two_structures_says_which_one(client: httpx2.AsyncClient) -> None:
    await enter(client, "1750000001", "1750000002")
    unsaid = await sign_in(client, kind="professional", professional_id=DOCTOR)
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "acting-structure-needed")
    foreign = await sign_in(client, kind="professional", professional_id=DOCTOR, organisation_id="1750000009")
    assert foreign.status_code == 422
    response = await sign_in(client, kind="professional", professional_id=DOCTOR, organisation_id="1750000002")
    assert response.status_code == 200


async def test_a_professional_does_not_act_for_a_structure_that_is_closed(client: httpx2.AsyncClient) -> None:
    await enter(client, "1750000001", status="inactive")
    response = await sign_in(client, kind="professional", professional_id=DOCTOR, organisation_id="1750000001")
    assert response.status_code == 422


async def test_only_known_records_and_known_active_professionals_sign_in(client: httpx2.AsyncClient) -> None:
    unknown = await sign_in(client, kind="patient", record_id=str(uuid4()))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "record-unknown")
    nobody = await sign_in(client, kind="professional", professional_id=DOCTOR)
    assert (nobody.status_code, nobody.json()["code"]) == (404, "professional-unknown")
    await enter(client)
    assert (await sign_in(client, kind="professional", professional_id=DOCTOR)).status_code == 200
    left = {"name": "Dr Camille INVENTÉ", "profession": "10", "status": "inactive"}
    await client.put(f"/professionals/{DOCTOR}", json=left, headers=administrator())
    assert (await sign_in(client, kind="professional", professional_id=DOCTOR)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "administrator"},
        {"kind": "patient"},
        {"kind": "patient", "record_id": "1"},
        {"kind": "patient", "record_id": 5},
        {"kind": "professional", "professional_id": ""},
        {"kind": "patient", "record_id": str(uuid4()), "scope": "operations"},
    ],
)
async def test_nothing_else_signs_in(refusing: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    assert (await sign_in(refusing, **body)).status_code == 422


async def test_a_professional_id_with_a_nul_is_refused(refusing: httpx2.AsyncClient) -> None:
    response = await sign_in(refusing, kind="professional", professional_id="8\x0099")
    assert (response.status_code, response.json()["code"]) == (422, "nul-character")


@pytest.mark.parametrize(
    ("settings", "peer", "base_url", "headers"),
    [
        ({"demo": {"sign_in": False}}, "127.0.0.1", "http://127.0.0.1", {}),
        ({"demo": {}}, "127.0.0.1", "http://127.0.0.1", {}),
        ({}, "10.0.0.7", "http://127.0.0.1", {}),
        ({}, "2001:db8::1", "http://127.0.0.1", {}),
        ({}, "127.0.0.1", "http://identity.example", {}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"x-forwarded-for": "127.0.0.1"}),
        ({}, "127.0.0.1", "http://127.0.0.1", {"forwarded": "for=10.0.0.7"}),
    ],
)
async def test_it_is_refused_where_it_is_off_and_to_everybody_from_elsewhere(
    refusing: httpx2.AsyncClient,
    unchanged: Database,
    settings: dict[str, Any],
    peer: str,
    base_url: str,
    headers: dict[str, str],
) -> None:
    record_id = await open_one(refusing)
    async with running(settings_of(unchanged, **settings), peer=peer, base_url=base_url) as client:
        body = {"kind": "patient", "record_id": str(record_id)}
        response = await client.post("/demo/sign-in", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (403, "sign-in-refused")
        assert "access_token" not in response.text
