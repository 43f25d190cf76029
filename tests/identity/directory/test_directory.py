"""The directory: public entries, announced when they change."""

import asyncio
from typing import Any

import httpx2
import pytest

from shared.contracts.identity import ProfessionalChanged, StructureChanged
from tests.infra.identity.identity_api import administrator, announced
from tests.infra.platform.databases import Database

HOSPITAL = {"name": "Hôpital de Démonstration"}
DOCTOR: dict[str, Any] = {"name": "Dr Camille INVENTÉ", "profession": "10", "structure_ids": ["1750000001"]}


async def put(client: httpx2.AsyncClient, path: str, body: Any) -> httpx2.Response:
    return await client.put(path, json=body, headers=administrator())


async def test_a_structure_and_its_professional_are_entered_and_announced(
    client: httpx2.AsyncClient, database: Database
) -> None:
    structure = await put(client, "/structures/1750000001", HOSPITAL)
    doctor = await put(client, "/professionals/899700000001", DOCTOR)
    assert (structure.status_code, doctor.status_code) == (200, 200)
    assert structure.json() == {"structure_id": "1750000001", "version": 1, "status": "active", **HOSPITAL}
    assert doctor.json() == {
        "professional_id": "899700000001",
        "version": 1,
        "status": "active",
        **DOCTOR,
        "profession": "G15_10",
        "specialties": [],
    }
    assert await announced(database) == [
        StructureChanged(structure_id="1750000001", version=1, name=HOSPITAL["name"]),
        ProfessionalChanged(
            professional_id="899700000001",
            version=1,
            name=DOCTOR["name"],
            profession="G15_10",
            structure_ids=("1750000001",),
        ),
    ]


async def test_the_same_entry_again_changes_nothing_and_another_one_is_a_new_version(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await put(client, "/structures/1750000001", HOSPITAL)
    for _ in range(2):
        same = await put(client, "/structures/1750000001", HOSPITAL)
        doctor = await put(client, "/professionals/899700000001", DOCTOR)
        assert (same.json()["version"], doctor.json()["version"]) == (1, 1)
    renamed = await put(client, "/structures/1750000001", {"name": "Hôpital Neuf", "status": "inactive"})
    left = await put(client, "/professionals/899700000001", {**DOCTOR, "structure_ids": []})
    assert (renamed.json()["version"], left.json()["version"]) == (2, 2)
    assert [(type(event).__name__, event.model_dump()["version"]) for event in await announced(database)] == [
        ("StructureChanged", 1),
        ("ProfessionalChanged", 1),
        ("StructureChanged", 2),
        ("ProfessionalChanged", 2),
    ]


async def test_changes_at_the_same_time_get_versions_in_the_order_they_are_announced(
    client: httpx2.AsyncClient, database: Database
) -> None:
    names = [f"Hôpital {number}" for number in range(10)]
    await asyncio.gather(*(put(client, "/structures/1750000001", {"name": name}) for name in names))
    events = await announced(database)
    assert [event.version for event in events if isinstance(event, StructureChanged)] == list(range(1, 11))


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/structures/x75", HOSPITAL, "national-id-invalid"),
        ("/structures/1", HOSPITAL, "national-id-invalid"),
        ("/structures/1%0075", HOSPITAL, "nul-character"),
        (f"/structures/1{'0' * 64}", HOSPITAL, "national-id-invalid"),
        ("/structures/1750000001", {"name": ""}, "invalid"),
        ("/structures/1750000001", {"name": "a\x00b"}, "nul-character"),
        ("/structures/1750000001", {**HOSPITAL, "status": "gone"}, "invalid"),
        ("/professionals/dr-camille", {**DOCTOR, "structure_ids": []}, "national-id-invalid"),
        ("/professionals/899700000001", {**DOCTOR, "structure_ids": [], "profession": "11"}, "profession-unknown"),
        ("/professionals/899700000001", {**DOCTOR, "structure_ids": ["x"]}, "national-id-invalid"),
        ("/professionals/899700000001", {**DOCTOR, "specialties": ["SM 26"]}, "specialty-invalid"),
        ("/professionals/899700000001", DOCTOR, "structure-unknown"),
    ],
)
async def test_an_entry_that_cannot_be_is_refused(
    refusing: httpx2.AsyncClient, unchanged: Database, path: str, body: Any, code: str
) -> None:
    response = await put(refusing, path, body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert await announced(unchanged) == []


async def test_the_directory_is_written_with_its_scope_only(refusing: httpx2.AsyncClient) -> None:
    for path in ("/structures/1750000001", "/professionals/899700000001"):
        body = HOSPITAL if "structures" in path else DOCTOR
        response = await refusing.put(path, json=body, headers=administrator("records.open"))
        assert response.status_code == 403
        assert (await refusing.put(path, json=body)).status_code == 401
