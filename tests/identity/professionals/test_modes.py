"""The access mode is stated when a token is asked for, and carried in it; the motive sealed."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from deploy.local.platform.pki import Pki
from deploy.local.platform.psc import Provider
from shared.contracts.audit import MOTIVE as MOTIVE_PLACE
from tests.infra.identity.identity_api import administrator, assertion, new_key, query, running, token_request
from tests.infra.identity.professionals import (
    ACCESS_TOKEN,
    DOCTOR,
    EXCHANGE,
    HOSPITAL,
    MOTIVE,
    MOTIVES,
    NURSE,
    PATIENT,
    REGULATOR,
    SOCIAL,
    SOFTWARE_CLIENT,
    URGENT,
    caller_of,
    chosen,
    doors,
    enter_all,
    post_with,
    registered,
    sign_in,
)
from tests.infra.platform.databases import Database

CARD = "/professionals/card"
KEY = new_key()
MODES = ("normal", "bris_de_glace", "centre_15", "secret")
FITTING = {
    DOCTOR.id: {"normal", "bris_de_glace", "secret"},
    NURSE.id: {"normal", "bris_de_glace", "secret"},
    REGULATOR.id: {"normal", "bris_de_glace", "centre_15", "secret"},
    SOCIAL.id: {"normal"},
}


@pytest_asyncio.fixture
async def client(database: Database, pki: Pki, provider: Provider, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(doors(database, provider, tmp_path)) as made:
        await enter_all(made)
        yield made


async def with_card(client: httpx2.AsyncClient, pki: Pki, person: str, **body: Any) -> httpx2.Response:
    return await post_with(client, pki.card(person), CARD, json=body)


def motive_for(mode: str) -> dict[str, str]:
    return {"motive": MOTIVE, "patient": PATIENT} if mode in ("bris_de_glace", "centre_15") else {}


async def test_who_may_state_which_mode_is_a_table(client: httpx2.AsyncClient, pki: Pki) -> None:
    for person, fitting in FITTING.items():
        for mode in MODES:
            answer = await with_card(client, pki, person, mode=mode, **motive_for(mode))
            if mode in fitting:
                assert (await caller_of(answer)).mode == mode, (person, mode)
            else:
                assert (answer.status_code, answer.json()["code"]) == (403, "mode-not-fitting"), (person, mode)


async def test_the_motive_travels_sealed_and_opens_for_audit_alone(client: httpx2.AsyncClient, pki: Pki) -> None:
    answer = await with_card(client, pki, DOCTOR.id, **{**URGENT, "motive": f"  {MOTIVE}\n"})
    payload = answer.json()["access_token"].split(".")[1]
    claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert MOTIVE.split()[1].encode() not in claims
    sealed = json.loads(claims)["dmp"]["motive"]
    assert MOTIVES.decrypt_jwe(sealed, MOTIVE_PLACE).decode() == MOTIVE
    assert (await caller_of(answer)).motive == sealed


async def test_the_longest_motive_still_makes_a_token_that_is_taken(client: httpx2.AsyncClient, pki: Pki) -> None:
    answer = await with_card(client, pki, DOCTOR.id, **{**URGENT, "motive": "🏥" * 500})
    assert (await caller_of(answer)).mode == "bris_de_glace"


async def test_a_token_of_an_emergency_lives_shorter(client: httpx2.AsyncClient, pki: Pki) -> None:
    usual = await with_card(client, pki, DOCTOR.id)
    urgent = await with_card(client, pki, DOCTOR.id, **URGENT)
    assert (usual.json()["expires_in"], urgent.json()["expires_in"]) == (300, 120)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"mode": "bris_de_glace"}, "motive-invalid"),
        ({"mode": "bris_de_glace", "motive": "trop peu"}, "motive-invalid"),
        ({"mode": "bris_de_glace", "motive": "  " + "x" * 9 + " " * 40}, "motive-invalid"),
        ({"mode": "bris_de_glace", "motive": "x" * 501}, "motive-invalid"),
        ({"mode": "bris_de_glace", "motive": "un motif\x00 avec un octet nul"}, "nul-character"),
        ({"mode": "centre_15"}, "motive-invalid"),
        ({"mode": "normal", "motive": MOTIVE}, "motive-invalid"),
        ({"mode": "secret", "motive": MOTIVE}, "motive-invalid"),
        ({"mode": "bris_de_glace", "motive": MOTIVE}, "patient-not-named"),
        ({"mode": "normal", "patient": PATIENT}, "patient-not-named"),
        ({"mode": "secret", "patient": PATIENT}, "patient-not-named"),
        ({**URGENT, "patient": PATIENT.partition("|")[2]}, "ins-malformed"),
        ({**URGENT, "patient": "urn:oid:1.2.3|279035121518989"}, "ins-system-unknown"),
        ({"mode": "BTG"}, "mode-unknown"),
        ({"mode": "Normal"}, "mode-unknown"),
    ],
)
async def test_a_mode_out_of_form_is_refused(
    client: httpx2.AsyncClient, pki: Pki, body: dict[str, str], code: str
) -> None:
    answer = await with_card(client, pki, DOCTOR.id, **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_through_the_provider_the_motive_goes_by_post_and_is_kept_sealed(
    client: httpx2.AsyncClient, database: Database
) -> None:
    refused = await client.get("/professionals/sign-in", params={"mode": "bris_de_glace"})
    assert (refused.status_code, refused.json()["code"]) == (422, "motive-invalid")
    begun = await client.post("/professionals/sign-in", json=URGENT)
    url = begun.json()["authorization_url"]
    assert "motive" not in url
    [row] = await query(database, "select motive from pending_sign_ins")
    assert MOTIVE not in row["motive"]
    caller = await caller_of(await client.get("/professionals/callback", params=await chosen(url, DOCTOR)))
    assert (caller.mode, MOTIVES.decrypt_jwe(caller.motive or "", MOTIVE_PLACE).decode()) == ("bris_de_glace", MOTIVE)


async def test_a_secret_connection_is_stated_in_the_address(client: httpx2.AsyncClient) -> None:
    assert (await caller_of(await sign_in(client, DOCTOR, mode="secret"))).mode == "secret"


async def test_software_states_the_mode_of_the_professional_whose_token_it_exchanges(
    client: httpx2.AsyncClient, provider: Provider
) -> None:
    client_id = await registered(client, KEY)
    form = token_request(assertion(client_id, KEY), grant_type=EXCHANGE, subject_token_type=ACCESS_TOKEN)
    form |= {"subject_token": provider.access_token(DOCTOR, SOFTWARE_CLIENT), **URGENT}
    answer = await client.post("/oauth/token", data=form)
    assert (await caller_of(answer)).mode == "bris_de_glace"
    assert answer.json()["expires_in"] == 120


@pytest.mark.parametrize("mode", MODES[1:])
async def test_software_alone_works_in_normal_mode(client: httpx2.AsyncClient, mode: str) -> None:
    client_id = await registered(client, KEY)
    form = {**token_request(assertion(client_id, KEY)), "mode": mode, **motive_for(mode)}
    answer = await client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["code"]) == (403, "mode-not-fitting")


async def test_without_a_key_for_motives_no_emergency_begins(database: Database, pki: Pki, tmp_path: Path) -> None:
    async with running(doors(database, pki=tmp_path, motives=None)) as client:
        answer = await with_card(client, pki, DOCTOR.id, **URGENT)
    assert (answer.status_code, answer.json()["code"]) == (403, "emergency-unavailable")


async def test_refusals_speak_french_too(client: httpx2.AsyncClient, pki: Pki) -> None:
    french = {"accept-language": "fr"}
    answer = await post_with(client, pki.card(SOCIAL.id), CARD, json={"mode": "secret"}, headers=french)
    assert answer.json()["detail"].startswith("Ce mode d’accès n’est pas pour vous")


NEVER = [
    {"activity": "65.12Z"},
    {"activity": "65.11Z"},
    {"activity": "64.19Z"},
    {"activity": "66.22Z"},
    {"activity": "78.20Z"},
    {"activity": "4711F"},
    {"sector": "SA13"},
    {"sector": "SA66"},
    {"sector": "SA23"},
    {"sector": "SA48"},
    {"activity": "86.21Z", "sector": "SA66"},
]


@pytest.mark.parametrize("activity", NEVER, ids=lambda activity: "-".join(activity.values()))
async def test_an_organisation_that_never_may_is_refused_whoever_asks_and_whatever_it_wants(
    client: httpx2.AsyncClient, activity: dict[str, str]
) -> None:
    structure = await client.put("/structures/2130000001", json={"name": "X", **activity}, headers=administrator())
    assert (structure.status_code, structure.json()["code"]) == (403, "organisation-never")
    for scope in ("documents.deposit", "documents.read", "records.open"):
        body = {"name": "X", "kind": "software", "scopes": [scope], "keys": [_public()], "organisation_id": HOSPITAL}
        answer = await client.post("/clients", json={**body, **activity}, headers=administrator())
        assert (answer.status_code, answer.json()["code"]) == (403, "organisation-never")


async def test_an_organisation_outside_finess_says_what_it_does(client: httpx2.AsyncClient) -> None:
    put = await client.put("/structures/2130000001", json={"name": "X", "activity": "86.90D"}, headers=administrator())
    assert put.status_code == 200
    body = {"name": "X", "kind": "software", "scopes": ["documents.deposit"], "keys": [_public()]}
    body = {**body, "organisation_id": "2130000001"}
    silent = await client.post("/clients", json=body, headers=administrator())
    assert (silent.status_code, silent.json()["code"]) == (422, "activity-needed")
    nonsense = await client.post("/clients", json={**body, "activity": "care"}, headers=administrator())
    assert (nonsense.status_code, nonsense.json()["code"]) == (422, "activity-invalid")
    registered = await client.post("/clients", json={**body, "activity": "86.90D"}, headers=administrator())
    assert registered.status_code == 201


def _public() -> dict[str, Any]:
    return dict(KEY.as_dict(private=False))
