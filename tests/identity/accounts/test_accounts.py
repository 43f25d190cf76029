"""Accounts: created once, their password, second factor and contact changed, and destroyed."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pyotp
import pytest

from services.identity.accounts.domain.accounts import (
    AccountExistsError,
    AccountRules,
    IdentifierTakenError,
    lookup_keys,
)
from services.identity.accounts.domain.passwords import PasswordNeededError, PasswordWrongError
from services.identity.accounts.domain.throttling import TooManyTriesError
from services.identity.accounts.steps.confirm_password import confirm_password
from services.identity.accounts.steps.create_account import AccountChoices, create_account
from services.identity.accounts.store.accounts import delete_accounts_of
from services.identity.accounts.store.challenges import delete_challenges_of
from services.identity.accounts.store.sessions import delete_sessions_of
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.new_person import Contact
from services.notify.contacts.encryption import decrypt_contact
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import transaction
from tests.infra.http.tokens import bearer, patient_token
from tests.infra.identity.accounts import (
    KEYRINGS,
    MAIL,
    OTHER_PASSWORD,
    PASSWORD,
    RING,
    RULES,
    IdentityApi,
    other_code,
    run_identity_api,
    session,
)
from tests.infra.identity.identity_api import KEYRING, OTHER_KEYRING, open_one, query, settings_of

NEW_MAIL = "zoe@elsewhere.example"


async def create(api: IdentityApi, record_id: UUID, identifier: str, rules: AccountRules = RULES) -> None:
    async with transaction(api.pool) as connection:
        contact = Contact(MAIL, "fr", "holder")
        await create_account(
            UnitOfWork(connection, KEYRINGS),
            rules,
            record_id,
            contact,
            AccountChoices(identifier, "h", "mail", "2026-11"),
        )


async def test_a_record_has_one_account_and_an_identifier_one_holder(api: IdentityApi) -> None:
    first = await api.open_account()
    with pytest.raises(AccountExistsError):
        await create(api, first, "another@patient.example")
    second = await open_one(api.client, 2)
    with pytest.raises(IdentifierTakenError):
        await create(api, second, MAIL.upper())
    assert len(await query(api.database, "select record_id from accounts")) == 1
    await create(api, second, "another@patient.example")


async def test_of_two_that_choose_one_identifier_at_once_one_has_it(api: IdentityApi) -> None:
    records = [await open_one(api.client, number) for number in (1, 2, 3, 4)]
    done = await asyncio.gather(
        *(create(api, record, "same@patient.example") for record in records), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in done) == ["IdentifierTakenError"] * 3 + ["NoneType"]


async def test_an_identifier_is_found_and_stays_taken_after_a_rotation_of_the_key(api: IdentityApi) -> None:
    await api.open_account()
    rotated = f"{OTHER_KEYRING},{KEYRING}"
    second = await open_one(api.client, 2)
    with pytest.raises(IdentifierTakenError):
        await create(api, second, MAIL, AccountRules(lookup_keys(Keyring.parse(rotated))))
    settings = settings_of(api.database, keys={"persons": rotated}, accounts={"refusal_s": 0})
    async with run_identity_api(api.database, settings=settings) as later:
        assert (await later.sign_in())["access_token"]


async def test_a_password_kept_under_older_parameters_is_hashed_anew_at_the_next_sign_in(api: IdentityApi) -> None:
    await api.open_account()
    settings = settings_of(api.database, accounts={"refusal_s": 0, "password_passes": 3})
    async with run_identity_api(api.database, settings=settings) as stronger:
        await stronger.sign_in()
    (row,) = await query(api.database, "select password_hash from accounts")
    assert "t=3" in row["password_hash"]


async def change(api: IdentityApi, signed_in: dict[str, Any], old: str, new: str) -> httpx2.Response:
    body = {"password": old, "new_password": new}
    return await api.client.put("/account/password", json=body, headers=session(signed_in))


async def test_a_changed_password_ends_all_other_sessions_and_is_told(api: IdentityApi) -> None:
    await api.open_account()
    elsewhere, here = await api.sign_in(), await api.sign_in()
    assert (await change(api, here, PASSWORD, OTHER_PASSWORD)).status_code == 204
    refused = await api.client.post("/token/refresh", json={"refresh_token": elsewhere["refresh_token"]})
    assert refused.status_code == 401
    going_on = await api.client.post("/token/refresh", json={"refresh_token": here["refresh_token"]})
    assert going_on.status_code == 200
    assert (await api.start()).status_code == 403
    assert (await api.start(password=OTHER_PASSWORD, device_token=here["device_token"])).status_code == 200
    assert len(await api.messages("password-changed")) == 1
    assert await api.entries("change-credentials") == [("permitted", "password-changed", "patient")]


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        ("not the old one at all", OTHER_PASSWORD, 403, "password-wrong"),
        (PASSWORD, "short", 422, "password-length"),
        (PASSWORD, "motdepasse123", 422, "password-weak"),
        (PASSWORD, "les pommes d'inventee volent", 422, "password-personal"),
        (PASSWORD, "vache 12/06/1955 orange bleu", 422, "password-personal"),
    ],
)
async def test_a_password_is_not_changed_without_the_old_one_nor_to_a_poor_one(
    api: IdentityApi, old: str, new: str, status: int, code: str
) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    answer = await change(api, signed_in, old, new)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await api.start()).status_code == 200


async def test_a_code_that_was_asked_for_under_the_old_password_is_over(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    challenge = (await api.start()).json()["challenge_id"]
    code = await api.code()
    await change(api, signed_in, PASSWORD, OTHER_PASSWORD)
    assert (await api.answer(challenge, code)).json()["code"] == "code-over"


async def test_an_ended_session_changes_nothing_although_its_token_still_lives(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    await api.client.delete("/devices", headers=session(signed_in))
    answer = await change(api, signed_in, PASSWORD, OTHER_PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (401, "session-over")


async def reset(api: IdentityApi, identifier: str = MAIL, **more: str) -> str:
    response = await api.client.post("/password-resets", json={"identifier": identifier, **more})
    assert response.status_code == 202, response.text
    return str(response.json()["challenge_id"])


async def finish(api: IdentityApi, challenge: str, code: str, password: str = OTHER_PASSWORD) -> httpx2.Response:
    body = {"code": code, "password": password}
    return await api.client.post(f"/password-resets/{challenge}/password", json=body)


async def test_a_forgotten_password_is_set_anew_with_the_code_and_all_sessions_end(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    challenge = await reset(api)
    answer = await finish(api, challenge, await api.code("password-reset-code"))
    assert answer.status_code == 200
    refused = await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
    assert refused.status_code == 401
    assert (await api.start()).status_code == 403
    again = await api.sign_in(password=OTHER_PASSWORD, device_token=answer.json()["device_token"])
    assert again["device_token"] is None, "the device is known"
    assert len(await api.messages("password-changed")) == 1
    assert await api.entries("change-credentials") == [("permitted", "password-reset", "patient")]
    assert (await finish(api, challenge, await api.code("password-reset-code"))).json()["code"] == "code-over"


async def test_whoever_forgets_learns_nothing_about_an_identifier(api: IdentityApi) -> None:
    await api.open_account()
    existing = await api.client.post("/password-resets", json={"identifier": MAIL})
    unknown = await api.client.post("/password-resets", json={"identifier": "nobody@patient.example"})
    assert (existing.status_code, existing.json().keys()) == (unknown.status_code, unknown.json().keys())
    assert existing.headers.keys() == unknown.headers.keys()
    code = other_code(await api.code("password-reset-code"))
    answers = []
    for challenge in (existing.json()["challenge_id"], unknown.json()["challenge_id"]):
        responses = [(await finish(api, challenge, code, "motdepasse123")).json()]
        responses += [(await finish(api, challenge, code)).json() for _ in range(6)]
        answers.append([answer["code"] for answer in responses])
    assert answers[0] == answers[1] == ["password-weak"] + ["code-wrong"] * 5 + ["code-over"]
    assert len(await api.messages("password-reset-code")) == 1


async def test_a_poor_password_leaves_the_code_as_it_was(api: IdentityApi) -> None:
    await api.open_account()
    challenge, code = await reset(api), await api.code("password-reset-code")
    for poor in ["motdepasse123"] * 6 + ["les pommes d'inventee volent", "short"]:
        assert (await finish(api, challenge, code, poor)).status_code == 422
    assert (await finish(api, challenge, code)).status_code == 200


async def test_of_ten_that_use_one_reset_code_at_once_exactly_one_wins(api: IdentityApi) -> None:
    await api.open_account()
    challenge, code = await reset(api), await api.code("password-reset-code")
    answers = await asyncio.gather(*(finish(api, challenge, code) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 9


async def test_a_reset_code_does_not_go_where_sign_in_codes_go_if_there_is_another_place(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    await change_contact(api, signed_in, mobile="06 39 98 00 01")
    await reset(api)
    sent = [event for event in await api.events() if isinstance(event, MessageRequested)]
    assert [message.channel for message in sent if message.kind == "password-reset-code"] == ["sms"]


async def start_change(api: IdentityApi, signed_in: dict[str, Any], **body: str) -> httpx2.Response:
    return await api.client.post("/account/contact-changes", json=body, headers=session(signed_in))


async def finish_change(
    api: IdentityApi, signed_in: dict[str, Any], challenge: str, old: str, new: str
) -> httpx2.Response:
    path = f"/account/contact-changes/{challenge}/codes"
    return await api.client.post(path, json={"old_code": old, "new_code": new}, headers=session(signed_in))


async def change_contact(api: IdentityApi, signed_in: dict[str, Any], **body: str) -> None:
    started = await start_change(api, signed_in, **body)
    assert started.status_code == 202, started.text
    old, new = [await api.code("contact-change-code", place) for place in (-2, -1)]
    done = await finish_change(api, signed_in, started.json()["challenge_id"], old, new)
    assert done.status_code == 204, done.text


async def test_a_new_mail_address_is_confirmed_on_both_and_both_are_told(api: IdentityApi) -> None:
    record_id = await api.open_account()
    signed_in = await api.sign_in()
    await change_contact(api, signed_in, mail=NEW_MAIL)
    assert [message["to"]["mail"] for message in await api.messages("contact-change-code")] == [MAIL, NEW_MAIL]
    assert [message["to"]["mail"] for message in await api.messages("contact-changed")] == [MAIL, NEW_MAIL]
    changed = [event for event in await api.events() if isinstance(event, ContactChanged)]
    assert [(event.record_id, event.version) for event in changed] == [(record_id, 1), (record_id, 2)]
    assert decrypt_contact(RING, changed[-1].record_id, changed[-1].sealed).mail == NEW_MAIL
    assert await api.entries("change-contact") == [("permitted", "both-confirmed", "patient")]
    await api.sign_in()
    assert (await api.messages("sign-in-code"))[-1]["to"] == {"mail": NEW_MAIL}


async def test_a_first_mobile_number_is_confirmed_by_mail_and_sms_and_notify_can_read_the_contact(
    api: IdentityApi,
) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    await change_contact(api, signed_in, mobile="06 39 98 00 01")
    sent = [message["to"] for message in await api.messages("contact-change-code")]
    assert sent == [{"mail": MAIL}, {"mobile": "+33639980001"}]
    changed = [event for event in await api.events() if isinstance(event, ContactChanged)][-1]
    assert orjson.loads(RING.decrypt_jwe(changed.sealed, sealed_place("contact", changed.record_id))) == {
        "mail": MAIL,
        "language": "fr",
        "relation": "holder",
        "mobile": "+33639980001",
    }
    assert decrypt_contact(RING, changed.record_id, changed.sealed).mail == MAIL


@pytest.mark.parametrize("wrong", ["old", "new", "swapped"])
async def test_one_of_the_two_codes_is_not_enough(api: IdentityApi, wrong: str) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    challenge = (await start_change(api, signed_in, mail=NEW_MAIL)).json()["challenge_id"]
    old, new = [await api.code("contact-change-code", place) for place in (-2, -1)]
    codes = {"old": (other_code(old), new), "new": (old, other_code(new)), "swapped": (new, old)}[wrong]
    if codes == (old, new):
        return
    answer = await finish_change(api, signed_in, challenge, *codes)
    assert (answer.status_code, answer.json()["code"]) == (403, "code-wrong")
    assert len([event for event in await api.events() if isinstance(event, ContactChanged)]) == 1


async def test_of_two_changes_at_once_the_later_one_is_over(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    first = (await start_change(api, signed_in, mail=NEW_MAIL)).json()["challenge_id"]
    second = (await start_change(api, signed_in, mail="third@elsewhere.example")).json()["challenge_id"]
    codes = [message["values"]["code"] for message in await api.messages("contact-change-code")]
    assert (await finish_change(api, signed_in, second, *codes[2:])).status_code == 204
    late = await finish_change(api, signed_in, first, *codes[:2])
    assert (late.status_code, late.json()["code"]) == (403, "code-over")


async def test_somebody_elses_change_cannot_be_answered(api: IdentityApi) -> None:
    await api.open_account()
    await api.open_account(2, "other@patient.example")
    mine, other = await api.sign_in(), await api.sign_in(identifier="other@patient.example")
    challenge = (await start_change(api, mine, mail=NEW_MAIL)).json()["challenge_id"]
    old, new = [await api.code("contact-change-code", place) for place in (-2, -1)]
    assert (await finish_change(api, other, challenge, old, new)).json()["code"] == "code-over"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "contact-change-invalid"),
        ({"mail": MAIL}, "contact-change-invalid"),
        ({"mail": NEW_MAIL, "mobile": "0639980001"}, "contact-change-invalid"),
        ({"mail": "nonsense"}, "mail-invalid"),
        ({"mobile": "0139980001"}, "mobile-invalid"),
        ({"mail": NEW_MAIL, "relation": "representative"}, "invalid"),
    ],
)
async def test_other_changes_of_the_contact_are_refused(api: IdentityApi, body: dict[str, str], code: str) -> None:
    await api.open_account()
    answer = await start_change(api, await api.sign_in(), **body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_changes_of_the_contact_cannot_flood_a_mailbox(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    statuses = [(await start_change(api, signed_in, mail=f"zoe{n}@elsewhere.example")).status_code for n in range(8)]
    assert statuses == [202] * 4 + [429] * 4


async def enrol(api: IdentityApi, signed_in: dict[str, Any]) -> tuple[str, str]:
    started = await api.client.post("/account/totp", json={"password": PASSWORD}, headers=session(signed_in))
    assert started.status_code == 201, started.text
    assert started.headers["cache-control"] == "no-store"
    secret, challenge = started.json()["secret"], started.json()["challenge_id"]
    step = int(time.time()) // 30 - 1  # the step before: that of now and of later are left for the sign-in
    body = {"code": pyotp.TOTP(secret).generate_otp(step)}
    done = await api.client.post(f"/account/totp/{challenge}/code", json=body, headers=session(signed_in))
    assert done.status_code == 204, done.text
    return secret, challenge


async def test_an_application_gives_the_codes_once_a_first_one_has_confirmed_it(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    secret, _ = await enrol(api, signed_in)
    sent = len(await api.messages("sign-in-code"))
    started = await api.start()
    assert started.json()["second_factor"] == "totp"
    assert len(await api.messages("sign-in-code")) == sent
    code = pyotp.TOTP(secret).now()
    assert (await api.answer(started.json()["challenge_id"], other_code(code))).status_code == 403
    assert (await api.answer(started.json()["challenge_id"], code)).status_code == 200
    again = (await api.start()).json()["challenge_id"]
    reused = await api.answer(again, code)
    assert (reused.status_code, reused.json()["code"]) == (403, "code-wrong")
    assert await api.entries("change-credentials") == [("permitted", "application-enrolled", "patient")]
    (row,) = await query(api.database, "select accounts::text as text from accounts")
    assert secret not in row["text"]


async def test_of_two_sign_ins_with_one_code_of_an_application_one_wins(api: IdentityApi) -> None:
    await api.open_account()
    secret, _ = await enrol(api, await api.sign_in())
    challenges = [(await api.start()).json()["challenge_id"] for _ in range(3)]
    code = pyotp.TOTP(secret).now()
    answers = await asyncio.gather(*(api.answer(challenge, code) for challenge in challenges))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403]


async def test_an_application_is_not_enrolled_by_a_wrong_code_or_without_the_password(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    refused = await api.client.post("/account/totp", json={"password": "not it"}, headers=session(signed_in))
    assert refused.json()["code"] == "password-wrong"
    started = await api.client.post("/account/totp", json={"password": PASSWORD}, headers=session(signed_in))
    path = f"/account/totp/{started.json()['challenge_id']}/code"
    code = other_code(pyotp.TOTP(started.json()["secret"]).now())
    wrong = await api.client.post(path, json={"code": code}, headers=session(signed_in))
    assert wrong.json()["code"] == "code-wrong"
    assert (await api.start()).json()["second_factor"] == "mail"


async def test_codes_are_sent_again_after_an_application_is_given_up(api: IdentityApi) -> None:
    await api.open_account()
    signed_in = await api.sign_in()
    await enrol(api, signed_in)
    for factor, status in (("sms", 422), ("totp", 422), ("pigeon", 422), ("mail", 204)):
        body = {"second_factor": factor, "password": PASSWORD}
        answer = await api.client.put("/account/second-factor", json=body, headers=session(signed_in))
        assert answer.status_code == status, factor
    assert (await api.start()).json()["second_factor"] == "mail"
    (row,) = await query(api.database, "select totp_sealed from accounts")
    assert row["totp_sealed"] is None


async def test_a_holder_without_an_account_is_told_to_create_one(api: IdentityApi) -> None:
    record_id = await open_one(api.client)
    body = {"password": PASSWORD, "new_password": OTHER_PASSWORD}
    answer = await api.client.put("/account/password", json=body, headers=bearer(patient_token(record_id)))
    assert (answer.status_code, answer.json()["code"]) == (409, "account-missing")


async def test_the_password_once_more_is_right_needed_wrong_or_tried_too_often(api: IdentityApi) -> None:
    record_id = await api.open_account()
    async with api.pool.acquire() as connection:
        await confirm_password(connection, RULES, uuid4(), None)
        await confirm_password(connection, RULES, record_id, PASSWORD)
        with pytest.raises(PasswordNeededError):
            await confirm_password(connection, RULES, record_id, None)
        for _ in range(6):
            with pytest.raises(PasswordWrongError):
                await confirm_password(connection, RULES, record_id, "not this one")
        with pytest.raises(TooManyTriesError):
            await confirm_password(connection, RULES, record_id, PASSWORD)
    assert await api.entries("sign-in") == [("refused", "password-wrong", "patient")] * 6


async def test_everything_of_a_record_is_destroyed_and_its_identifier_is_free_again(api: IdentityApi) -> None:
    record_id = await api.open_account()
    await api.open_account(2, "other@patient.example")
    signed_in = await api.sign_in()
    await api.start()
    await reset(api)
    async with transaction(api.pool) as connection:
        assert await delete_sessions_of(connection, record_id) == {"devices": 1, "sessions": 1}
        assert (await delete_challenges_of(connection, record_id))["challenges"] == 3
        assert await delete_accounts_of(connection, record_id) == {"accounts": 1}
    for table in ("accounts", "account_identifiers", "devices", "sessions", "challenges"):
        rows = await query(api.database, f"select record_id from {table}")
        assert record_id not in [row["record_id"] for row in rows], table
    assert await query(api.database, "select digest from refresh_tokens") == []
    keys = [row["key"].partition(":")[0] for row in await query(api.database, "select key from throttles")]
    assert keys == ["source"]
    refused = await api.client.post("/token/refresh", json={"refresh_token": signed_in["refresh_token"]})
    assert refused.status_code == 401
    assert (await api.start()).status_code == 403
    await create(api, record_id, MAIL)
