"""A ring is replaced by two rolling restarts: processes with the ring before and after run beside each other."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from shared.crypto.keyring import Keyring
from shared.db.key_uses import KeyMissingError, check_rings
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.http.tokens import bearer, patient_token
from tests.infra.identity.identity_api import KEYRING, OTHER_KEYRING, open_one, query, running, settings_of
from tests.infra.platform.databases import Database

BEFORE, ADDED, MOVED = KEYRING, f"{KEYRING},{OTHER_KEYRING}", f"{OTHER_KEYRING},{KEYRING}"
"""The ring of each release: the new key is absent, known to all, used by all."""
TRUSTED = {"role": "trusted", "phone": "01 23 45 67 89", "relation": "voisine"}


def settings(database: Database, ring: str) -> Any:
    return settings_of(database, keys={"persons": ring, "contacts": ring})


async def replace(client: httpx2.AsyncClient, record_id: UUID, name: str) -> None:
    headers = bearer(patient_token(record_id))
    body = {"people": [{**TRUSTED, "name": name}]}
    answer = await client.put(f"/records/{record_id}/people-to-call", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def read(client: httpx2.AsyncClient, record_id: UUID) -> list[str]:
    headers = bearer(patient_token(record_id))
    answer = await client.get(f"/records/{record_id}/people-to-call", headers=headers)
    assert answer.status_code == 200, answer.text
    return [person["name"] for person in answer.json()["people"]]


@pytest.mark.parametrize(("older", "newer"), [(BEFORE, ADDED), (ADDED, MOVED)])
async def test_during_each_restart_both_processes_read_what_the_other_writes(
    older: str, newer: str, new_database: NewDatabase
) -> None:
    database = await new_database("identity")
    async with running(settings(database, older)) as one, running(settings(database, newer)) as other:
        first, second = await open_one(one, 1), await open_one(other, 2)
        for writer, reader, record_id in ((one, other, first), (other, one, second)):
            await replace(writer, record_id, "Alix INVENTÉE")
            assert await read(reader, record_id) == ["Alix INVENTÉE"]
            await replace(reader, record_id, "Dominique INVENTÉE")
            assert await read(writer, record_id) == ["Dominique INVENTÉE"]
        active = {ring.partition(":")[0] for ring in (older, newer)}
        assert {row["key_id"] for row in await query(database, "select key_id from persons")} == active


async def test_a_process_with_the_ring_before_does_not_start_once_the_new_key_is_used(
    new_database: NewDatabase,
) -> None:
    database = await new_database("identity")
    async with running(settings(database, MOVED)) as client:
        await open_one(client, 1)
    postgres = PostgresSettings.model_validate({"dsn": database.dsn})
    ring = {"ins_hmac": Keyring.parse(KEYRING), "contacts": Keyring.parse(BEFORE), "persons": Keyring.parse(BEFORE)}
    with pytest.raises(KeyMissingError):
        await check_rings(postgres, "identity", ring)
    await check_rings(postgres, "identity", {**ring, "contacts": Keyring.parse(ADDED), "persons": Keyring.parse(ADDED)})
