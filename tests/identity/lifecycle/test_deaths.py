"""What a recorded death ends: sessions, signing in, and what the deceased did for others."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from services.identity.lifecycle.usecases.sweep_deaths import sweep_deaths
from shared.contracts.identity import RecordChanged, SessionEnded
from shared.runtime import clock
from tests.infra.accounts import KEYRINGS, MAIL, PASSWORD, IdentityApi
from tests.infra.identity_api import administrator, query
from tests.infra.people import DECISION, acting, add, adult, ask_to_act, contacts, entries, open_minor, people
from tests.infra.tokens import bearer, patient_token


async def die(house: IdentityApi, record_id: UUID) -> None:
    answer = await house.client.post(f"/records/{record_id}/death", headers=administrator())
    assert answer.status_code == 200, answer.text


async def correct(house: IdentityApi, record_id: UUID) -> None:
    answer = await house.client.post(f"/records/{record_id}/reopen", headers=administrator())
    assert answer.status_code == 200, answer.text


async def states(house: IdentityApi, record_id: UUID) -> list[tuple[int, str, bool]]:
    return [
        (event.version, event.status, event.deceased)
        for event in await house.events()
        if isinstance(event, RecordChanged) and event.record_id == record_id
    ]


async def refresh(house: IdentityApi, token: str) -> int:
    return (await house.client.post("/token/refresh", json={"refresh_token": token})).status_code


async def test_a_death_ends_the_sessions_and_a_correction_brings_none_back(house: IdentityApi) -> None:
    record_id = await house.open_account()
    signed_in = await house.sign_in()
    await die(house, record_id)
    assert await refresh(house, signed_in["refresh_token"]) == 401
    await correct(house, record_id)
    assert await refresh(house, signed_in["refresh_token"]) == 401
    [session] = await query(house.database, "select id, ended_for from sessions")
    assert session["ended_for"] == "deceased"
    ended_ids = [event.session_id for event in await house.events() if isinstance(event, SessionEnded)]
    assert ended_ids == [session["id"]], "what the other services would go on taking from a young token"
    again = await house.sign_in(device_token=signed_in["device_token"])
    assert again["device_token"] is not None, "the device is not known any more"


async def test_the_account_of_a_deceased_person_signs_in_no_more_than_an_unknown_one(house: IdentityApi) -> None:
    record_id = await house.open_account()
    sign_in = (await house.start()).json()
    code = await house.code()
    await die(house, record_id)
    late = await house.answer(sign_in["challenge_id"], code)
    assert (late.status_code, late.json()["code"]) == (403, "code-over")
    theirs, nobodys = await house.start(), await house.start(identifier="nobody@patient.example")
    assert (theirs.status_code, theirs.json()["code"]) == (403, "credentials-wrong")
    assert theirs.json().keys() == nobodys.json().keys()
    reset = await house.client.post("/password-resets", json={"identifier": MAIL})
    assert reset.status_code < 300, reset.text
    assert await house.messages("password-reset-code") == []
    demo = await house.client.post("/demo/sign-in", json={"patient": str(record_id)})
    assert demo.status_code >= 400


async def test_of_a_death_and_a_sign_in_at_once_no_session_lives(house: IdentityApi) -> None:
    record_id = await house.open_account()
    for _ in range(3):
        sign_in = (await house.start()).json()
        await asyncio.gather(house.answer(sign_in["challenge_id"], await house.code()), die(house, record_id))
        alive = await query(house.database, "select id from sessions where ended_at is null")
        assert alive == []
        await correct(house, record_id)


async def test_whoever_has_died_represents_and_cares_for_nobody_any_more(house: IdentityApi) -> None:
    own_id = await adult(house, 1)
    record_id = UUID((await open_minor(house, 1)).json()["record_id"])
    waiting_for = await adult(house, 3)
    await adult(house, 2)
    await add(house, waiting_for, 2, evidence=DECISION)
    assert (await add(house, waiting_for, 1, evidence=DECISION)).json()["state"] == "waiting"
    headers = await acting(house, own_id, record_id)
    await die(house, own_id)
    assert (await people(house, record_id))[-1].representatives == ()
    assert (await contacts(house, record_id))[-1][1] == "holder"
    last = (await entries(house, record_id, "end-representation"))[-1]
    assert (last.reason, last.kind, last.subject) == ("deceased", "administrator", str(own_id))
    assert (await house.client.get(f"/records/{record_id}/representatives", headers=headers)).status_code == 404
    rows = await query(
        house.database, "select status, ended_for from representations where representative_id = $1", own_id
    )
    assert sorted(tuple(row) for row in rows) == [("ended", "deceased"), ("refused", "deceased")]
    await correct(house, own_id)
    assert (await ask_to_act(house, own_id, record_id)).status_code == 404, "it is stated anew, or not"


async def test_nobody_acts_for_a_deceased_person(house: IdentityApi) -> None:
    own_id = await adult(house, 1)
    record_id = UUID((await open_minor(house, 1)).json()["record_id"])
    headers = await acting(house, own_id, record_id)
    await die(house, record_id)
    assert (await ask_to_act(house, own_id, record_id)).status_code == 404
    for asking in (headers, bearer(patient_token(record_id))):
        response = await house.client.get(f"/records/{record_id}/people-to-call", headers=asking)
        assert response.status_code == 404
    await correct(house, record_id)
    assert (await ask_to_act(house, own_id, record_id)).status_code == 200


async def test_a_death_is_told_by_both_linked_records_and_stays_told_when_the_link_ends(house: IdentityApi) -> None:
    first, second = await adult(house, 1), await adult(house, 2)
    body = {"linked_to": str(second)}
    await house.client.post(f"/records/{first}/link", json=body, headers=administrator())
    await die(house, first)
    await house.client.post(f"/records/{first}/unlink", json=body, headers=administrator())
    for record_id in (first, second):
        assert (await states(house, record_id))[-2:] == [(3, "closed", True), (4, "closed", True)]


async def test_deaths_of_before_are_announced_once_and_end_what_they_had_left(house: IdentityApi) -> None:
    record_id = await house.open_account()
    signed_in = await house.sign_in()
    await die(house, record_id)
    closed = await adult(house, 3)
    await house.client.post(f"/records/{closed}/close", json={}, headers=bearer(patient_token(closed)))
    await query(house.database, "update closures set is_death_announced = false")
    await query(house.database, "update sessions set ended_at = null, ended_for = null")
    now = clock.now() + timedelta(seconds=1)
    assert await sweep_deaths(house.pool, KEYRINGS, now) == 1
    assert await sweep_deaths(house.pool, KEYRINGS, now) == 0
    assert await states(house, record_id) == [(1, "open", False), (2, "closed", True), (3, "closed", True)]
    assert await refresh(house, signed_in["refresh_token"]) == 401
    assert (await states(house, closed))[-1] == (2, "closed", False)


@pytest.mark.parametrize("password", [PASSWORD, "another"])
async def test_a_deceased_persons_password_is_hashed_all_the_same(house: IdentityApi, password: str) -> None:
    await die(house, await house.open_account())
    response = await house.start(password=password)
    assert (response.status_code, response.json()["code"]) == (403, "credentials-wrong")
