"""Opening a record: one per person, announced whole, nothing readable kept or told."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.identity.people.store import records as store
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged, RecordChanged
from shared.crypto.fingerprints import ins_parts, trait_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import create_pool, transaction
from shared.values import Ins
from tests.infra.http.tokens import bearer, make_token, patient_token
from tests.infra.identity import identity_api
from tests.infra.identity.identity_api import (
    DEMO_OID,
    KEYRING,
    NIR_OID,
    OTHER_KEYRING,
    TEST_OID,
    administrator,
    announced,
    nir,
    open_one,
    opening,
    query,
    running,
    settings_of,
)
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import UNTIL_DONE, eventually

RING = Keyring.parse(KEYRING)


async def post(client: httpx2.AsyncClient, body: Any, **headers: str) -> httpx2.Response:
    return await client.post("/records", json=body, headers=administrator() | headers)


async def put_in_force(database: Database, record_id: UUID, version: int = 1) -> None:
    pool = await create_pool(identity_api.settings_of(database).postgres, application="tests")
    async with transaction(pool) as connection:
        await store.set_in_force(connection, {record_id: version})
    pool.terminate()


async def test_an_opening_is_announced_whole_and_in_one_transaction(
    client: httpx2.AsyncClient, database: Database
) -> None:
    response = await post(client, opening())
    assert response.status_code == 202
    record_id = UUID(response.json()["record_id"])
    assert response.json() == {"record_id": str(record_id), "version": 1, "status": "on-its-way", "state": "open"}
    assert response.headers["location"] == f"/records/{record_id}"
    record, contact, access = await announced(database)
    assert isinstance(record, RecordChanged)
    assert isinstance(contact, ContactChanged)
    assert isinstance(access, AccessRecorded)
    assert {record.record_id, contact.record_id, access.record_id} == {record_id}
    assert (record.version, record.status, contact.version) == (1, "open", 1)
    assert (access.action, access.outcome, access.reason, access.actor.id) == (
        "open-record",
        "permitted",
        "opened-hospital",
        "admin-1",
    )


async def test_the_fingerprints_are_those_that_records_will_look_up(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    record = (await announced(database))[0]
    assert isinstance(record, RecordChanged)
    assert RING.matches(record.ins, *ins_parts(Ins.parse(nir(), f"urn:oid:{TEST_OID}")))
    expected = {
        "birth_name": "D INVENTEE EXEMPLE",
        "given_name": "ZOE",
        "birth_date": "1955-06-12",
        "sex": "female",
        "birth_place": "63220",
    }
    fingerprints = record.traits.model_dump()
    assert fingerprints.keys() == expected.keys()
    for name, value in expected.items():
        assert RING.matches(fingerprints[name], *trait_parts(record_id, name, value))


async def test_notify_alone_can_open_the_contact(client: httpx2.AsyncClient, database: Database) -> None:
    await open_one(client)
    contact = (await announced(database))[1]
    assert isinstance(contact, ContactChanged)
    document = json.loads(RING.decrypt_jwe(contact.sealed, sealed_place("contact", contact.record_id)))
    assert document == {"mail": "zoe.inventee@patient.example", "language": "fr", "relation": "holder"}


async def test_nothing_readable_of_a_person_is_stored_or_announced(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await open_one(client)
    tables = await query(
        database,
        "select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations'",  # checksums
    )
    stored = ""
    for table in tables:
        rows = await query(database, f"select encode(t::text::bytea, 'escape') as row from {table['tablename']} t")
        stored += "".join(row["row"] for row in rows)
    payloads = [row["payload"] for row in await query(database, "select payload from outbox")]
    visible = stored + b"".join(payloads).decode()
    # No shorter forms: four digits may stand in any id by chance.
    born = ("1955-06-12", "19550612", "12/06/1955", "12061955")
    hidden = (nir(), nir()[:13], "INVENT", "Zoé", "ZOE", *born, '"63220"', ",63220,", "patient.example")
    for readable in hidden:
        assert readable not in visible
        assert readable.encode().hex() not in visible


async def test_the_same_person_again_is_the_same_record_and_announces_nothing(
    client: httpx2.AsyncClient, database: Database
) -> None:
    first = await post(client, opening())
    event_count = len(await announced(database))
    traits = {**opening()["traits"], "birth_name": "d inventee exemple", "given_name": "ZOÉ"}
    del traits["birth_place"]
    spaced = {"value": " ".join(nir()), "oid": f"urn:oid:{DEMO_OID}"}
    again = await post(client, opening(ins=spaced, traits=traits))
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await announced(database)) == event_count


async def test_other_traits_under_a_known_number_are_a_conflict_that_the_ledger_learns_of(
    client: httpx2.AsyncClient, database: Database
) -> None:
    record_id = await open_one(client)
    response = await post(client, opening(traits={**opening()["traits"], "given_name": "Yvette"}))
    assert (response.status_code, response.json()["code"]) == (409, "traits-differ")
    assert response.headers["content-type"] == "application/problem+json"
    access = (await announced(database))[-1]
    assert isinstance(access, AccessRecorded)
    assert (access.record_id, access.outcome, access.reason) == (record_id, "refused", "traits-differ")


async def test_openings_of_one_person_at_the_same_time_make_one_record(
    client: httpx2.AsyncClient, database: Database
) -> None:
    responses = await asyncio.gather(*(post(client, opening()) for _ in range(20)))
    assert len({response.json()["record_id"] for response in responses}) == 1
    assert sorted({response.status_code for response in responses}) == [200, 202]
    assert len(await announced(database)) == 3
    assert [row["count"] for row in await query(database, "select count(*) from persons")] == [1]


async def test_a_record_is_found_again_after_a_change_of_every_key(database: Database) -> None:
    async with running(settings_of(database)) as client:
        record_id = await open_one(client)
    ring = f"{OTHER_KEYRING},{KEYRING}"
    keys = {"ins_hmac": ring, "contacts": ring, "people_to_call": ring, "persons": ring}
    async with running(settings_of(database, keys=keys)) as client:
        assert await open_one(client) == record_id
        assert await open_one(client, 2) != record_id
    record = (await announced(database))[3]
    assert isinstance(record, RecordChanged)
    assert record.ins.startswith("next.")


async def test_a_production_number_and_the_same_test_number_are_two_persons(client: httpx2.AsyncClient) -> None:
    test = await open_one(client)
    response = await post(client, opening(ins={"value": nir(), "oid": NIR_OID}))
    assert response.status_code == 202
    assert response.json()["record_id"] != str(test)


async def test_a_wrong_key_is_taken_under_test_oids_only_and_only_where_that_is_on(database: Database) -> None:
    wrong = {"value": nir()[:13] + ("01" if nir()[13:] != "01" else "02")}
    taken = {}
    for test_keys in (True, False):
        async with running(settings_of(database, demo={"test_nir_keys": test_keys})) as client:
            for oid in (TEST_OID, DEMO_OID, NIR_OID):
                response = await post(client, opening(ins={**wrong, "oid": oid}))
                taken[test_keys, oid] = response.status_code in (200, 202)
                assert taken[test_keys, oid] or response.json()["code"] == "ins-key-wrong"
    assert {case for case, was_taken in taken.items() if was_taken} == {(True, TEST_OID), (True, DEMO_OID)}


def changed(part: str, **values: Any) -> dict[str, Any]:
    return {**opening(), part: {**opening()[part], **values}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changed("ins", value="255999900001"), "ins-malformed"),
        (changed("ins", value="Invented-Person"), "ins-malformed"),
        (changed("ins", oid="1.2.250.1.213.1.4.2"), "ins-system-unknown"),
        (changed("traits", birth_name="- '"), "traits-invalid"),
        (changed("traits", birth_name="Invented\x00Person"), "nul-character"),
        (changed("traits", birth_date="12/06/1955"), "traits-invalid"),
        (changed("traits", birth_date="1955-02-30"), "traits-invalid"),
        (changed("traits", birth_date="2999-01-01"), "traits-invalid"),
        (changed("traits", sex="Invented-Person"), "traits-invalid"),
        (changed("traits", birth_place="Clermont"), "traits-invalid"),
        (changed("contact", mail="Invented-Person"), "mail-invalid"),
        (changed("contact", language="de"), "language-unknown"),
        (changed("contact", relation="neighbour"), "relation-unknown"),
        (changed("traits", birth_name=7), "invalid"),
        (changed("traits", birth_name="x" * 201), "invalid"),
        (changed("traits", birth_name=["Invented-Person"]), "invalid"),
        (opening(more=1), "invalid"),
        ({}, "invalid"),
        ([], "invalid"),
        ("Invented-Person", "invalid"),
    ],
)
async def test_a_bad_opening_is_refused_with_its_code_and_never_echoed(
    refusing: httpx2.AsyncClient, unchanged: Database, body: Any, code: str
) -> None:
    response = await post(refusing, body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    for text in (nir(), "INVENT", "Invented", "Zoé", "patient.example"):
        assert text not in response.text
    assert await announced(unchanged) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"\xff\xfe", b"\x00", b"", b"[" * 5000, b'{"ins":' * 5000, b'{"ins": NaN}',
        b'{"ins":{"value":"\\ud800","oid":"\\u0000"},"traits":{},"contact":{}}',
    ],
)  # fmt: skip
async def test_bytes_that_are_no_opening_get_a_clear_4xx(refusing: httpx2.AsyncClient, raw: bytes) -> None:
    response = await refusing.post(
        "/records", content=raw, headers=administrator() | {"content-type": "application/json"}
    )
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_lone_surrogate_in_a_name_is_refused(refusing: httpx2.AsyncClient) -> None:
    raw = json.dumps(changed("traits", birth_name="\ud800abc")).encode()
    response = await refusing.post(
        "/records", content=raw, headers=administrator() | {"content-type": "application/json"}
    )
    assert response.status_code == 422


async def test_a_body_over_the_limit_is_refused(refusing: httpx2.AsyncClient) -> None:
    response = await post(refusing, opening(more="x" * 70_000))
    assert (response.status_code, response.json()["code"]) == (413, "body-too-large")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "token-invalid"),
        (bearer("x.y.z"), 401, "token-invalid"),
        (administrator("directory.write"), 403, "forbidden"),
        (bearer(patient_token(uuid4())), 403, "forbidden"),
        (bearer(make_token("administrator", "a", scope="records.open", exp=1)), 401, "token-invalid"),
        (bearer(make_token("administrator", "a", scope="records.open", aud="other")), 401, "token-invalid"),
        (bearer(make_token("administrator", "a", scope="records.open", iss="http://evil.test")), 401, "token-invalid"),
    ],
)
async def test_only_a_token_with_the_scope_opens_records(
    refusing: httpx2.AsyncClient, unchanged: Database, headers: dict[str, str], status: int, code: str
) -> None:
    response = await refusing.post("/records", json=opening(), headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert await announced(unchanged) == []


async def test_an_opening_can_wait_until_it_is_in_force(client: httpx2.AsyncClient, database: Database) -> None:
    waiting = asyncio.create_task(post(client, opening(), prefer=f"respond-async, {UNTIL_DONE}"))

    async def opened() -> UUID | None:
        return next((row["id"] for row in await query(database, "select id from records")), None)

    record_id = await eventually(opened)
    assert not waiting.done()
    await put_in_force(database, record_id)
    response = await waiting
    assert (response.status_code, response.json()["status"]) == (201, "in-force")
    again = await post(client, opening())
    assert (again.status_code, again.json()["status"]) == (200, "in-force")


async def test_what_is_in_force_never_goes_back(client: httpx2.AsyncClient, database: Database) -> None:
    record_id = await open_one(client)
    await put_in_force(database, record_id, 3)
    await put_in_force(database, record_id, 1)
    assert [row["in_force_version"] for row in await query(database, "select in_force_version from records")] == [3]


async def test_the_state_of_a_record_is_for_its_holder_and_for_who_opens_records(client: httpx2.AsyncClient) -> None:
    record_id = await open_one(client)
    path = f"/records/{record_id}"

    async def ask(headers: dict[str, str], place: str = path) -> tuple[int, str]:
        response = await client.get(place, headers=headers)
        return response.status_code, response.json().get("code") or response.json()["status"]

    assert await ask(administrator()) == (200, "on-its-way")
    assert await ask(bearer(patient_token(record_id))) == (200, "on-its-way")
    assert await ask(bearer(patient_token(uuid4()))) == (404, "record-unknown")
    assert await ask(administrator("directory.write")) == (403, "forbidden")
    assert await ask({}) == (401, "token-invalid")
    assert await ask(administrator(), f"/records/{uuid4()}") == (404, "record-unknown")
    assert await ask(administrator(), "/records/1") == (422, "invalid")
