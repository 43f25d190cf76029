"""A session that was ended: its access token, however young, is of no use at identity, and the others are told."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.identity.app import make_api
from shared.contracts.identity import SessionEnded
from shared.http.tokens import TokenVerifier
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.accounts import MAIL, OTHER_PASSWORD, PASSWORD, IdentityApi, session
from tests.infra.identity.identity_api import administrator, query, settings_of
from tests.infra.identity.people import ins, traits
from tests.infra.platform.locks import SELECT_BLOCKED
from tests.infra.platform.waiting import eventually

ANY = "00000000-0000-4000-8000-000000000001"
HOLDERS: dict[tuple[str, str], Any] = {
    ("get", "/records/{record_id}"): None,
    ("post", "/records/represented"): {
        "ins": ins(50, "2016-05-17"),
        "traits": traits(50, "2016-05-17"),
        "card_serial": "1",
    },
    ("get", "/records/{record_id}/representatives"): None,
    ("get", "/acting-for"): None,
    ("post", "/token/acting-for"): {"record_id": ANY},
    ("get", "/records/{record_id}/people-to-call"): None,
    ("put", "/records/{record_id}/people-to-call"): {"people": []},
    ("post", "/records/{record_id}/invitations"): {"mail": "thief@patient.example"},
    ("get", "/records/{record_id}/carers"): None,
    ("delete", "/records/{record_id}/carers/{care_id}"): None,
    ("get", "/invitations"): None,
    ("post", "/invitations/answer"): {"answer": "accepted", "care_id": ANY},
    ("get", "/devices"): None,
    ("delete", "/devices"): None,
    ("delete", "/devices/{device_id}"): None,
    ("put", "/account/password"): {"password": PASSWORD, "new_password": OTHER_PASSWORD},
    ("post", "/account/contact-changes"): {"mail": "thief@patient.example"},
    ("post", "/account/contact-changes/{challenge_id}/codes"): {"old_code": "000000", "new_code": "000000"},
    ("post", "/account/totp"): {"password": PASSWORD},
    ("post", "/account/paper-codes"): {"password": PASSWORD},
    ("post", "/account/totp/{challenge_id}/code"): {"code": "000000"},
    ("put", "/account/second-factor"): {"second_factor": "mail", "password": PASSWORD},
    ("post", "/records/{record_id}/close"): {"password": PASSWORD},
    ("post", "/records/{record_id}/reopen"): None,
}
"""What a holder may ask for with a token, and with which body."""
OTHERS = {
    ("post", "/records"),
    ("post", "/records/{record_id}/representatives"),
    ("post", "/records/{record_id}/representatives/{representation_id}/answer"),
    ("delete", "/records/{record_id}/representatives/{representation_id}"),
    ("post", "/openings/assisted"),
    ("get", "/campaigns"),
    ("post", "/campaigns"),
    ("get", "/campaigns/{campaign_id}"),
    ("post", "/campaigns/{campaign_id}/pause"),
    ("post", "/campaigns/{campaign_id}/resume"),
    ("post", "/campaigns/{campaign_id}/letters"),
    ("put", "/professionals/{professional_id}"),
    ("put", "/structures/{structure_id}"),
    ("post", "/clients"),
    ("get", "/clients"),
    ("get", "/clients/{client_id}"),
    ("patch", "/clients/{client_id}"),
    ("get", "/clients/{client_id}/messaging"),
    ("put", "/clients/{client_id}/messaging"),
    ("post", "/clients/{client_id}/keys"),
    ("delete", "/clients/{client_id}/keys/{kid}"),
    ("post", "/clients/{client_id}/deactivate"),
    ("post", "/clients/{client_id}/reactivate"),
    ("post", "/records/{record_id}/death"),
    ("put", "/opening-objections"),
    ("post", "/opening-objections/withdraw"),
    ("post", "/records/{record_id}/link"),
    ("get", "/records/{record_id}/link"),
    ("post", "/records/{record_id}/unlink"),
    ("post", "/records/{record_id}/erase"),
    ("get", "/erasures/{erasure_id}"),
    ("get", "/erasures/{erasure_id}/receipt"),
    ("post", "/presence-proofs"),
}
"""What is for administrators, software and professionals, or looks for its object before it looks at who asks."""


async def session_id_of(signed_in: dict[str, Any]) -> UUID:
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(signed_in["access_token"])
    assert caller.session_id is not None
    return caller.session_id


async def ended(api: IdentityApi) -> list[UUID]:
    """The sessions whose end was announced, in order."""
    rows = await query(
        api.database, "select payload from outbox where event_type = $1 order by id", SessionEnded.ce_type
    )
    return [SessionEnded.model_validate_json(row["payload"]).session_id for row in rows]


async def test_every_route_with_a_token_is_for_holders_or_is_not(api: IdentityApi) -> None:
    paths = make_api(settings_of(api.database)).openapi()["paths"]
    secured = {
        (verb, path) for path, verbs in paths.items() for verb, operation in verbs.items() if "security" in operation
    }
    assert secured == HOLDERS.keys() | OTHERS


async def test_a_token_whose_session_was_ended_gets_nothing_from_any_route_for_holders(api: IdentityApi) -> None:
    record_id = await api.open_account()
    stolen, own = await api.sign_in(), await api.sign_in()
    assert (await api.client.delete("/devices", headers=session(own))).status_code == 204
    for (verb, path), body in HOLDERS.items():
        url = path.format(record_id=record_id, care_id=uuid4(), device_id=uuid4(), challenge_id=uuid4())
        answer = await api.client.request(verb, url, json=body, headers=session(stolen))
        assert (answer.status_code, answer.json().get("code")) == (401, "session-over"), path
    assert await api.entries("invite-carer") == [("refused", "session-over", "patient")]
    assert await query(api.database, "select id from care_relations") == []
    [status] = await query(api.database, "select status from records where id = $1", record_id)
    assert status["status"] == "open"


@pytest.mark.parametrize(
    "way", ["everywhere", "one-device", "password", "reset", "reused", "signed-in-again", "erased"]
)
async def test_every_way_in_which_a_session_ends_is_announced_once(api: IdentityApi, way: str) -> None:
    record_id = await api.open_account()
    signed_in = await api.sign_in()
    doomed = await session_id_of(signed_in)
    match way:
        case "everywhere":
            await api.client.delete("/devices", headers=session(signed_in))
        case "one-device":
            own = await api.sign_in()
            devices = (await api.client.get("/devices", headers=session(own))).json()
            [device] = [device["device_id"] for device in devices if not device["current"]]
            await api.client.delete(f"/devices/{device}", headers=session(own))
        case "password":
            own = await api.sign_in()
            body = {"password": PASSWORD, "new_password": OTHER_PASSWORD}
            await api.client.put("/account/password", json=body, headers=session(own))
        case "reset":
            challenge_id = (await api.client.post("/password-resets", json={"identifier": MAIL})).json()["challenge_id"]
            body = {"code": await api.code("password-reset-code"), "password": OTHER_PASSWORD}
            await api.client.post(f"/password-resets/{challenge_id}/password", json=body)
        case "reused":
            for _ in range(2):
                await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
        case "signed-in-again":
            await api.sign_in(device_token=signed_in["device_token"])
        case _:
            body = {"reason": "gdpr-decision"}
            await api.client.post(f"/records/{record_id}/erase", json=body, headers=administrator())
    assert await ended(api) == [doomed]


async def test_nobody_invites_while_the_holder_signs_out_everywhere(api: IdentityApi) -> None:
    """Whichever comes first: an invitation that was answered with 201 was there before the sessions had ended."""
    record_id = await api.open_account()
    stolen, own = await api.sign_in(), await api.sign_in()
    body = {"mail": "thief@patient.example"}
    async with api.pool.acquire() as holding, holding.transaction():
        await holding.execute("select id from records where id = $1 for update", record_id)
        inviting = asyncio.create_task(
            api.client.post(f"/records/{record_id}/invitations", json=body, headers=session(stolen))
        )
        await waiting_for_a_lock(api)
        assert (await api.client.delete("/devices", headers=session(own))).status_code == 204
    assert (await inviting).status_code == 401
    assert await query(api.database, "select id from care_relations") == []


async def test_two_devices_that_sign_out_everywhere_at_once_are_both_answered(api: IdentityApi) -> None:
    await api.open_account()
    both = [await api.sign_in(), await api.sign_in()]
    answers = await asyncio.gather(
        *(api.client.delete("/devices", headers=session(session_tokens)) for session_tokens in both)
    )
    assert sorted(answer.status_code for answer in answers) == [204, 401]
    assert sorted(await ended(api)) == sorted([await session_id_of(session_tokens) for session_tokens in both])


async def waiting_for_a_lock(api: IdentityApi) -> None:
    """Returns once a statement waits for somebody else's row."""

    async def look() -> bool:
        [[is_blocked]] = await query(api.database, SELECT_BLOCKED)
        return bool(is_blocked)

    await eventually(look)
