"""What a recorded death ends: sessions, signing in, and what the deceased did for others."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.usecases.sweep_deaths import sweep_deaths
from shared.contracts.identity import RecordChanged, SessionEnded
from shared.runtime import clock
from tests.infra.http.tokens import bearer, patient_token
from tests.infra.identity.accounts import KEYRINGS, MAIL, PASSWORD, IdentityApi
from tests.infra.identity.identity_api import administrator, query
from tests.infra.identity.people import DECISION, acting, add, adult, ask_to_act, contacts, entries, open_minor, people


async def die(api: IdentityApi, record_id: UUID) -> None:
    answer = await api.client.post(f"/records/{record_id}/death", headers=administrator())
    assert answer.status_code == 200, answer.text


async def correct(api: IdentityApi, record_id: UUID) -> None:
    answer = await api.client.post(f"/records/{record_id}/reopen", headers=administrator())
    assert answer.status_code == 200, answer.text


async def states(api: IdentityApi, record_id: UUID) -> list[tuple[int, str, bool]]:
    return [
        (event.version, event.status, event.deceased)
        for event in await api.events()
        if isinstance(event, RecordChanged) and event.record_id == record_id
    ]


async def refresh(api: IdentityApi, token: str) -> int:
    return (await api.client.post("/token/refresh", json={"refresh_token": token})).status_code


async def test_a_death_ends_the_sessions_and_a_correction_brings_none_back(api: IdentityApi) -> None:
    record_id = await api.open_account()
    signed_in = await api.sign_in()
    await die(api, record_id)
    assert await refresh(api, signed_in["refresh_token"]) == 401
    await correct(api, record_id)
    assert await refresh(api, signed_in["refresh_token"]) == 401
    [session] = await query(api.database, "select id, ended_for from sessions")
    assert session["ended_for"] == "deceased"
    ended_ids = [event.session_id for event in await api.events() if isinstance(event, SessionEnded)]
    assert ended_ids == [session["id"]], "what the other services would go on taking from a young token"
    again = await api.sign_in(device_token=signed_in["device_token"])
    assert again["device_token"] is not None, "the device is not known any more"


async def test_the_account_of_a_deceased_person_signs_in_no_more_than_an_unknown_one(api: IdentityApi) -> None:
    record_id = await api.open_account()
    sign_in = (await api.start()).json()
    code = await api.code()
    await die(api, record_id)
    late = await api.answer(sign_in["challenge_id"], code)
    assert (late.status_code, late.json()["code"]) == (403, "code-over")
    theirs, nobodys = await api.start(), await api.start(identifier="nobody@patient.example")
    assert (theirs.status_code, theirs.json()["code"]) == (403, "credentials-wrong")
    assert theirs.json().keys() == nobodys.json().keys()
    reset = await api.client.post("/password-resets", json={"identifier": MAIL})
    assert reset.status_code < 300, reset.text
    assert await api.messages("password-reset-code") == []
    demo = await api.client.post("/demo/sign-in", json={"patient": str(record_id)})
    assert demo.status_code >= 400


async def test_of_a_death_and_a_sign_in_at_once_no_session_lives(api: IdentityApi) -> None:
    record_id = await api.open_account()
    for _ in range(3):
        sign_in = (await api.start()).json()
        await asyncio.gather(api.answer(sign_in["challenge_id"], await api.code()), die(api, record_id))
        alive = await query(api.database, "select id from sessions where ended_at is null")
        assert alive == []
        await correct(api, record_id)


async def test_whoever_has_died_represents_and_cares_for_nobody_any_more(api: IdentityApi) -> None:
    own_id = await adult(api, 1)
    record_id = UUID((await open_minor(api, 1)).json()["record_id"])
    waiting_for = await adult(api, 3)
    await adult(api, 2)
    await add(api, waiting_for, 2, evidence=DECISION)
    assert (await add(api, waiting_for, 1, evidence=DECISION)).json()["state"] == "waiting"
    headers = await acting(api, own_id, record_id)
    await die(api, own_id)
    assert (await people(api, record_id))[-1].representatives == ()
    assert (await contacts(api, record_id))[-1][1] == "holder"
    last = (await entries(api, record_id, "end-representation"))[-1]
    assert (last.reason, last.kind, last.subject) == ("deceased", "administrator", str(own_id))
    assert (await api.client.get(f"/records/{record_id}/representatives", headers=headers)).status_code == 404
    rows = await query(
        api.database, "select status, ended_for from representations where representative_id = $1", own_id
    )
    assert sorted(tuple(row) for row in rows) == [("ended", "deceased"), ("refused", "deceased")]
    await correct(api, own_id)
    assert (await ask_to_act(api, own_id, record_id)).status_code == 404, "it is stated anew, or not"


async def test_nobody_acts_for_a_deceased_person(api: IdentityApi) -> None:
    own_id = await adult(api, 1)
    record_id = UUID((await open_minor(api, 1)).json()["record_id"])
    headers = await acting(api, own_id, record_id)
    await die(api, record_id)
    assert (await ask_to_act(api, own_id, record_id)).status_code == 404
    for asking in (headers, bearer(patient_token(record_id))):
        response = await api.client.get(f"/records/{record_id}/people-to-call", headers=asking)
        assert response.status_code == 404
    await correct(api, record_id)
    assert (await ask_to_act(api, own_id, record_id)).status_code == 200


async def test_a_death_is_told_by_both_linked_records_and_stays_told_when_the_link_ends(api: IdentityApi) -> None:
    first, second = await adult(api, 1), await adult(api, 2)
    body = {"linked_to": str(second)}
    await api.client.post(f"/records/{first}/link", json=body, headers=administrator())
    await die(api, first)
    await api.client.post(f"/records/{first}/unlink", json=body, headers=administrator())
    for record_id in (first, second):
        assert (await states(api, record_id))[-2:] == [(3, "closed", True), (4, "closed", True)]


async def test_deaths_of_before_are_announced_once_and_end_what_they_had_left(api: IdentityApi) -> None:
    record_id = await api.open_account()
    signed_in = await api.sign_in()
    await die(api, record_id)
    closed = await adult(api, 3)
    await api.client.post(f"/records/{closed}/close", json={}, headers=bearer(patient_token(closed)))
    await query(api.database, "update closures set is_death_announced = false")
    await query(api.database, "update sessions set ended_at = null, ended_for = null")
    now = clock.now() + timedelta(seconds=1)
    assert await sweep_deaths(Storage(api.pool, KEYRINGS), now) == 1
    assert await sweep_deaths(Storage(api.pool, KEYRINGS), now) == 0
    assert await states(api, record_id) == [(1, "open", False), (2, "closed", True), (3, "closed", True)]
    assert await refresh(api, signed_in["refresh_token"]) == 401
    assert (await states(api, closed))[-1] == (2, "closed", False)


@pytest.mark.parametrize("password", [PASSWORD, "another"])
async def test_a_deceased_persons_password_is_hashed_all_the_same(api: IdentityApi, password: str) -> None:
    await die(api, await api.open_account())
    response = await api.start(password=password)
    assert (response.status_code, response.json()["code"]) == (403, "credentials-wrong")
