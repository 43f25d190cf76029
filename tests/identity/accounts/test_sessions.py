"""Signing in with password and code, going on, devices, and signing out."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from shared.contracts.notify import MessageRequested
from shared.http.tokens import TokenVerifier
from tests.conftest import NewDatabase
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, professional_token
from tests.infra.identity.accounts import MAIL, IdentityApi, other_code, run_identity_api, session
from tests.infra.identity.identity_api import query, settings_of


async def test_password_and_code_give_tokens_and_a_device_that_is_told_of(api: IdentityApi) -> None:
    record_id = await api.open_account()
    started = await api.start("  ZOE.Inventee@patient.example ")
    assert started.status_code == 200
    assert started.json()["second_factor"] == "mail"
    assert started.json()["expires_in"] == 600
    answered = await api.answer(started.json()["challenge_id"], await api.code())
    body = answered.json()
    assert (answered.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 300)
    assert answered.headers["cache-control"] == "no-store"
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(body["access_token"])
    assert (caller.kind, caller.id, caller.record_id) == ("patient", str(record_id), record_id)
    assert caller.session_id is not None
    assert body["device_token"]
    (message,) = await api.messages("new-device")
    assert message["to"] == {"mail": MAIL}
    assert message["values"]["device"] == "Firefox, Linux"
    assert await api.entries("sign-in") == [("permitted", "password-and-code", "patient")]


async def test_the_code_is_sealed_expires_and_stands_nowhere_in_clear(api: IdentityApi) -> None:
    record_id = await api.open_account()
    started = await api.start()
    (request,) = [event for event in await api.events() if isinstance(event, MessageRequested)]
    assert (request.channel, request.kind, request.record_id) == ("mail", "sign-in-code", record_id)
    assert request.expires_at is not None
    (sent,) = await api.messages("sign-in-code")
    assert sent["language"] == "fr"
    assert sent["values"]["minutes"] == "10"
    code = sent["values"]["code"]
    assert len(code) == 6
    (kept,) = await query(api.database, "select codes::text, expires_at from challenges")
    assert code not in kept["codes"]
    assert kept["expires_at"] == request.expires_at
    assert code not in started.text


async def test_a_known_device_is_not_told_of_again_and_keeps_its_place_in_the_list(api: IdentityApi) -> None:
    await api.open_account()
    first = await api.sign_in()
    second = await api.sign_in(device_token=first["device_token"])
    assert second["device_token"] is None
    assert len(await api.messages("new-device")) == 1
    (device,) = (await api.client.get("/devices", headers=session(second))).json()
    assert (device["name"], device["current"], device["signed_in"]) == ("Firefox, Linux", True, True)
    over = await api.client.get("/devices", headers=session(first))
    assert (over.status_code, over.json()["code"]) == (401, "session-over")


async def test_a_device_token_of_somebody_else_makes_no_device_known(api: IdentityApi) -> None:
    await api.open_account()
    await api.open_account(2, "other@patient.example")
    first = await api.sign_in()
    other = await api.sign_in(identifier="other@patient.example", device_token=first["device_token"])
    assert other["device_token"]


async def test_a_wrong_password_and_an_unknown_identifier_are_answered_alike(api: IdentityApi) -> None:
    await api.open_account()
    wrong = await api.start(password="not this one, surely not")
    unknown = await api.start("nobody@patient.example")
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "credentials-wrong"
    assert wrong.headers.keys() == unknown.headers.keys()
    assert await api.entries("sign-in") == [("refused", "credentials-wrong", "unknown")]


@pytest.mark.parametrize("password", ["", "x" * 1001, "a\x00b" * 5, "x" * 1000, "é" * 200])
async def test_odd_passwords_are_refused_and_never_an_error(api: IdentityApi, password: str) -> None:
    await api.open_account()
    assert (await api.start(password=password)).status_code in (403, 422)


async def test_refusals_are_answered_no_sooner_than_agreed(new_database: NewDatabase) -> None:
    database = await new_database("identity")
    async with run_identity_api(database, settings=settings_of(database, accounts={"refusal_s": 0.4})) as api:
        await api.open_account()
        clock = asyncio.get_running_loop().time
        for identifier in (MAIL, "nobody@patient.example"):
            before = clock()
            await api.start(identifier, "not this one, surely not")
            assert clock() - before > 0.39


async def test_the_answer_is_in_french_for_who_reads_french(api: IdentityApi) -> None:
    body = {"identifier": "nobody", "password": "not this one, surely not"}
    french = await api.client.post("/sign-in", json=body, headers={"accept-language": "fr-FR,fr;q=0.9,en;q=0.8"})
    assert french.headers["content-language"] == "fr"
    assert "mot de passe" in french.json()["detail"]
    english = await api.client.post("/sign-in", json=body, headers={"accept-language": "de, en;q=0.5, fr;q=0.2"})
    assert english.headers["content-language"] == "en"
    assert "password" in english.json()["detail"]


async def test_five_wrong_codes_end_the_challenge_and_are_in_the_ledger(api: IdentityApi) -> None:
    await api.open_account()
    challenge = (await api.start()).json()["challenge_id"]
    code = await api.code()
    for _ in range(5):
        wrong = await api.answer(challenge, other_code(code))
        assert (wrong.status_code, wrong.json()["code"]) == (403, "code-wrong")
    right = await api.answer(challenge, code)
    assert (right.status_code, right.json()["code"]) == (403, "code-over")
    assert await api.entries("sign-in") == [("refused", "code-wrong", "unknown")] * 5


async def test_a_code_is_of_its_own_challenge_alone(api: IdentityApi) -> None:
    await api.open_account()
    first = (await api.start()).json()["challenge_id"]
    first_code = await api.code()
    second = (await api.start()).json()["challenge_id"]
    second_code = await api.code()
    if first_code != second_code:
        assert (await api.answer(first, second_code)).json()["code"] == "code-wrong"
    assert (await api.answer(second, second_code)).status_code == 200
    assert (await api.answer(str(uuid4()), first_code)).json()["code"] == "code-over"


async def test_an_old_code_is_refused(api: IdentityApi) -> None:
    await api.open_account()
    challenge = (await api.start()).json()["challenge_id"]
    await query(api.database, "update challenges set expires_at = expires_at - $1::interval", timedelta(minutes=11))
    late = await api.answer(challenge, await api.code())
    assert (late.status_code, late.json()["code"]) == (403, "code-over")


async def test_of_ten_that_use_one_code_at_once_exactly_one_wins(api: IdentityApi) -> None:
    await api.open_account()
    challenge, code = (await api.start()).json()["challenge_id"], await api.code()
    answers = await asyncio.gather(*(api.answer(challenge, code) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 9
    assert len(await query(api.database, "select id from sessions")) == 1


async def test_refresh_tokens_rotate_and_the_session_goes_on(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    for _ in range(3):
        answer = await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
        assert answer.status_code == 200
        assert answer.json()["refresh_token"] != signed_in["refresh_token"]
        signed_in = answer.json()
    assert (await api.client.get("/devices", headers=session(signed_in))).status_code == 200


async def test_a_refresh_token_that_comes_again_ends_the_session_and_the_holder_is_told(api: IdentityApi) -> None:
    await api.open_account()
    first = await api.sign_in()
    second = (await api.client.post("/token/refresh", json={"refresh_token": first["refresh_token"]})).json()
    again = await api.client.post("/token/refresh", json={"refresh_token": first["refresh_token"]})
    assert (again.status_code, again.json()["code"]) == (401, "refresh-token-invalid")
    for token in (first["refresh_token"], second["refresh_token"]):
        over = await api.client.post("/token/refresh", json={"refresh_token": token})
        assert over.status_code == 401
    assert (await api.client.get("/devices", headers=session(second))).json()["code"] == "session-over"
    assert len(await api.messages("session-ended")) == 1
    assert ("refused", "refresh-token-reused", "unknown") in await api.entries("sign-in")
    second = await api.sign_in(device_token=first["device_token"])
    assert second["device_token"], "the device is a new one"


async def test_of_two_that_refresh_at_once_one_wins_and_the_session_ends(api: IdentityApi) -> None:
    await api.open_account()
    body = {"refresh_token": (await api.sign_in())["refresh_token"]}
    answers = await asyncio.gather(*(api.client.post("/token/refresh", json=body) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    after = await api.client.post("/token/refresh", json={"refresh_token": winner["refresh_token"]})
    assert after.status_code == 401


@pytest.mark.parametrize("spoil", ["cut", "foreign", "secret", "old", "rubbish"])
async def test_other_refresh_tokens_are_refused_and_end_nothing(api: IdentityApi, spoil: str) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    token = signed_in["refresh_token"]
    if spoil == "old":
        await query(api.database, "update refresh_tokens set expires_at = now() - interval '1 second'")
    bad = {
        "cut": token[:-4],
        "foreign": signed_in["device_token"],
        "secret": token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB"),
        "old": token,
        "rubbish": "é?",
    }[spoil]
    answer = await api.client.post("/token/refresh", json={"refresh_token": bad})
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh-token-invalid")
    assert (await api.client.get("/devices", headers=session(signed_in))).status_code == 200


async def test_devices_are_signed_out_one_by_one_or_all_at_once(api: IdentityApi) -> None:
    await api.open_account()
    phone, laptop = await api.sign_in(), await api.sign_in()
    devices = (await api.client.get("/devices", headers=session(laptop))).json()
    assert [device["current"] for device in devices] == [True, False]
    lost = devices[1]["device_id"]
    assert (await api.client.delete(f"/devices/{lost}", headers=session(laptop))).status_code == 204
    assert (await api.client.delete(f"/devices/{lost}", headers=session(laptop))).json()["code"] == "device-unknown"
    refused = await api.client.post("/token/refresh", json={"refresh_token": phone["refresh_token"]})
    assert refused.status_code == 401
    third = await api.sign_in()
    assert (await api.client.delete("/devices", headers=session(third))).status_code == 204
    for signed_in in (laptop, third):
        answer = await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
        assert answer.status_code == 401
    assert await api.entries("sign-out") == [
        ("permitted", "one-device", "patient"),
        ("permitted", "all-devices", "patient"),
    ]


async def test_somebody_elses_device_is_unknown(api: IdentityApi) -> None:
    await api.open_account()
    await api.open_account(2, "other@patient.example")
    mine, other = await api.sign_in(), await api.sign_in(identifier="other@patient.example")
    (device,) = (await api.client.get("/devices", headers=session(mine))).json()
    answer = await api.client.delete(f"/devices/{device['device_id']}", headers=session(other))
    assert (answer.status_code, answer.json()["code"]) == (404, "device-unknown")
    assert (await api.client.get("/devices", headers=session(mine))).status_code == 200


async def test_devices_are_for_holders_alone(api: IdentityApi) -> None:
    doctor = bearer(professional_token("899700000001"))
    for method, path in (("GET", "/devices"), ("DELETE", "/devices"), ("DELETE", f"/devices/{uuid4()}")):
        answer = await api.client.request(method, path, headers=doctor)
        assert (answer.status_code, answer.json()["code"]) == (403, "holder-needed")
        assert (await api.client.request(method, path)).status_code == 401


async def test_a_session_ends_by_itself(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    await query(api.database, "update sessions set expires_at = now() - interval '1 second'")
    answer = await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
    assert answer.json()["code"] == "refresh-token-invalid"
    assert (await api.client.get("/devices", headers=session(signed_in))).json()["code"] == "session-over"


async def test_the_holder_of_a_closed_record_still_signs_in(api: IdentityApi) -> None:
    record_id = await api.open_account()
    await query(api.database, "update records set status = 'closed' where id = $1", record_id)
    assert (await api.sign_in())["access_token"]


async def test_nothing_readable_is_kept_of_identifiers_devices_and_tokens(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    tables = ("accounts", "account_identifiers", "devices", "sessions", "refresh_tokens", "challenges", "throttles")
    for table in tables:
        for row in await query(api.database, f"select {table}::text as text from {table}"):
            for word in (MAIL, "zoe", "Firefox", signed_in["refresh_token"], signed_in["device_token"], "127.0.0.1"):
                assert word not in row["text"], table
                assert word.encode().hex() not in row["text"], table


async def test_a_stolen_name_of_a_device_reaches_no_mail(api: IdentityApi) -> None:
    await api.open_account()
    challenge = (await api.start()).json()["challenge_id"]
    headers = {"user-agent": "Call 0899 000 000 now! Firefox"}
    await api.client.post(f"/sign-in/{challenge}/code", json={"code": await api.code()}, headers=headers)
    (message,) = await api.messages("new-device")
    assert message["values"]["device"] == "Firefox"


async def test_a_refused_password_is_never_followed_by_a_code(api: IdentityApi) -> None:
    await api.open_account()
    await api.start(password="not this one, surely not")
    assert await api.messages("sign-in-code") == []
