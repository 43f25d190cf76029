"""The presence of the patient's card becomes a claim of the professional's session."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from deploy.local.platform.pki import Pki
from shared.contracts.audit import AccessRecorded
from shared.http.tokens import Caller
from tests.infra.http.tokens import bearer, patient_token, professional_token
from tests.infra.identity.identity_api import TEST_OID, administrator, announced, new_key, nir, open_one, query, running
from tests.infra.identity.professionals import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    NURSE,
    caller_of,
    doors,
    enter,
    enter_all,
    post_with,
    presence_proof,
    registered,
)
from tests.infra.platform.databases import Database

CARD = "/professionals/card"
KEY = new_key()


@pytest_asyncio.fixture
async def client(database: Database, pki: Pki, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(doors(database, pki=tmp_path)) as made:
        await enter_all(made)
        yield made


class Scene:
    """A doctor who has signed in, a reader's software, and a record."""

    def __init__(self, client: httpx2.AsyncClient, token: str, session: Caller, reader: str, record_id: UUID) -> None:
        self.client, self.token, self.session, self.reader, self.record_id = client, token, session, reader, record_id

    def proof(self, **changes: Any) -> str:
        named = {} if "ins" in changes else {"record_id": str(self.record_id)}
        key, reader = changes.pop("key", KEY), changes.pop("reader", self.reader)
        return presence_proof(reader, key, self.session, **{**named, **changes})

    async def send(self, proof: str, token: str | None = None) -> httpx2.Response:
        return await self.client.post("/presence-proofs", json={"proof": proof}, headers=bearer(token or self.token))


@pytest_asyncio.fixture
async def scene(client: httpx2.AsyncClient, pki: Pki) -> Scene:
    signed_in = await post_with(client, pki.card(DOCTOR.id), CARD, json={})
    session = await caller_of(signed_in)
    reader = await registered(client, KEY)
    return Scene(client, signed_in.json()["access_token"], session, reader, await open_one(client))


async def accesses(database: Database) -> list[AccessRecorded]:
    entries = [event for event in await announced(database) if isinstance(event, AccessRecorded)]
    return [event for event in entries if event.action == "sign-in"]


@pytest.mark.parametrize("how", ["record", "ins"])
@pytest.mark.parametrize("means", ["vitale-card", "vitale-application"])
async def test_a_reading_makes_the_next_token_say_whose_card_was_there(
    scene: Scene, database: Database, how: str, means: str
) -> None:
    ins = {"ins": {"value": nir(1), "oid": TEST_OID}} if how == "ins" else {}
    answer = await scene.send(scene.proof(means=means, **ins))
    caller = await caller_of(answer)
    assert caller.patient_present == scene.record_id
    assert (caller.id, caller.session_id, caller.organisation_id) == (DOCTOR.id, scene.session.session_id, HOSPITAL)
    assert answer.json()["expires_in"] <= 300
    [entry] = await accesses(database)
    assert (entry.record_id, entry.outcome, entry.reason) == (scene.record_id, "permitted", means)
    assert entry.actor.id == DOCTOR.id


async def test_a_proof_serves_once_even_when_it_comes_many_times_at_once(scene: Scene, database: Database) -> None:
    proof = scene.proof()
    answers = await asyncio.gather(*(scene.send(proof) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 403} == {"presence-proof-replayed"}
    assert len(await accesses(database)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iat": int(time.time()) - 400, "exp": int(time.time()) - 300}, "presence-proof-expired"),
        ({"iat": int(time.time()) - 400, "exp": int(time.time()) + 86_400}, "presence-proof-expired"),
        ({"iat": int(time.time()) + 86_400, "exp": int(time.time()) + 86_460}, "presence-proof-expired"),
        ({"iat": "now"}, "presence-proof-invalid"),
        ({"iat": True}, "presence-proof-invalid"),
        ({"iat": None}, "presence-proof-invalid"),
        ({"exp": None}, "presence-proof-invalid"),
        ({"jti": None}, "presence-proof-invalid"),
        ({"jti": ""}, "presence-proof-invalid"),
        ({"jti": "x" * 300}, "presence-proof-invalid"),
        ({"sub": NURSE.id}, "presence-proof-invalid"),
        ({"sid": str(uuid4())}, "presence-proof-invalid"),
        ({"sid": None}, "presence-proof-invalid"),
        ({"aud": "https://elsewhere.example"}, "presence-proof-invalid"),
        ({"card": "0000000001"}, "presence-proof-invalid"),
        ({"card": None}, "presence-proof-invalid"),
        ({"means": "somebody-said-so"}, "presence-proof-invalid"),
        ({"record_id": "x"}, "presence-proof-invalid"),
        ({"record_id": None}, "presence-proof-invalid"),
        ({"ins": {"value": "1"}}, "presence-proof-invalid"),
        ({"ins": {"value": nir(1), "oid": TEST_OID}, "record_id": str(uuid4())}, "presence-proof-invalid"),
        ({"typ": "JWT"}, "presence-proof-invalid"),
        ({"key": new_key()}, "presence-proof-invalid"),
        ({"iss": "nobody"}, "presence-proof-invalid"),
        ({"iss": None}, "presence-proof-invalid"),
        ({"record_id": str(uuid4())}, "record-unknown"),
    ],
)
async def test_what_is_no_proof_for_this_session_is_refused_and_leaves_no_trace(
    scene: Scene, database: Database, changes: dict[str, Any], code: str
) -> None:
    answer = await scene.send(scene.proof(**changes))
    assert (answer.status_code, answer.json()["code"]) == (404 if code == "record-unknown" else 403, code)
    assert await accesses(database) == []


@pytest.mark.parametrize("text", ["x", "a.b.c", "." * 10, "é", "x" * 5000])
async def test_what_is_no_jws_at_all_is_refused(scene: Scene, text: str) -> None:
    answer = await scene.send(text)
    assert answer.json()["code"] == ("invalid" if len(text) > 4096 else "presence-proof-invalid")


async def test_the_reader_of_a_deactivated_client_proves_nothing(scene: Scene, database: Database) -> None:
    path = f"/clients/{scene.reader}/deactivate"
    assert (await scene.client.post(path, headers=administrator("clients.write"))).status_code == 200
    answer = await scene.send(scene.proof())
    assert (answer.status_code, answer.json()["code"]) == (403, "presence-proof-invalid")
    assert await accesses(database) == []


async def test_a_reader_of_another_structure_is_refused_and_the_refusal_is_recorded(
    scene: Scene, database: Database
) -> None:
    elsewhere = await registered(scene.client, KEY, organisation_id=CLINIC)
    answer = await scene.send(scene.proof(reader=elsewhere))
    assert (answer.status_code, answer.json()["code"]) == (403, "presence-elsewhere")
    [entry] = await accesses(database)
    assert (entry.record_id, entry.outcome, entry.reason) == (scene.record_id, "refused", "presence-elsewhere")


async def test_whoever_left_the_directory_meanwhile_is_refused(scene: Scene) -> None:
    await enter(scene.client, DOCTOR, status="inactive")
    answer = await scene.send(scene.proof())
    assert (answer.status_code, answer.json()["code"]) == (403, "professional-not-in-directory")


async def test_only_the_token_of_a_professionals_own_sign_in_will_do(scene: Scene, database: Database) -> None:
    for token in (patient_token(scene.record_id), professional_token(DOCTOR.id)):
        answer = await scene.send(scene.proof(), token)
        assert (answer.status_code, answer.json()["code"]) == (403, "professional-session-needed")
    await query(database, "update professional_sessions set expires_at = now() - interval '1 second'")
    answer = await scene.send(scene.proof())
    assert (answer.status_code, answer.json()["code"]) == (403, "professional-session-needed")


async def test_a_reading_does_not_lengthen_the_session(scene: Scene, database: Database) -> None:
    await query(database, "update professional_sessions set expires_at = now() + interval '40 seconds'")
    assert (await scene.send(scene.proof())).json()["expires_in"] <= 40
