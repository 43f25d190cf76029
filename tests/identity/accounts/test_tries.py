"""Guessing at an account: slowed, counted, notified, and never a way to lock the holder out."""

import asyncio
from collections import Counter
from types import SimpleNamespace

import httpx2
import pytest

from services.identity import loops
from services.identity.accounts.domain.codes import MAX_UNANSWERED
from services.identity.accounts.steps import count_attempt
from shared.runtime import clock, metrics
from shared.runtime.metrics import REFUSED
from tests.infra.identity.accounts import MAIL, OTHER_PASSWORD, IdentityApi, other_code, run_identity_api
from tests.infra.identity.identity_api import query
from tests.infra.platform.databases import Database

WRONG = "not this one, surely not"


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait of two seconds is over before a slow machine has made its next try."""
    moment = clock.now()
    monkeypatch.setattr(count_attempt, "clock", SimpleNamespace(now=lambda: moment))


async def wait_is_over(api: IdentityApi) -> None:
    await query(api.database, "update throttles set next_at = now() - interval '1 hour'")


async def test_a_stranger_is_slowed_and_told_for_how_long(api: IdentityApi) -> None:
    await api.open_account()
    answers = [await api.start(password=WRONG) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [403] * 6 + [429] * 2
    assert answers[-1].json()["code"] == "too-many-tries"
    assert answers[-1].headers["retry-after"] == "2"
    right = await api.start()
    assert right.status_code == 429, "the right password is not looked at either"


async def test_the_wait_grows_with_each_failure(api: IdentityApi) -> None:
    await api.open_account()
    for _ in range(6):
        await api.start(password=WRONG)
    waits = []
    for _ in range(4):
        await wait_is_over(api)
        await api.start(password=WRONG)
        waits.append(int((await api.start()).headers["retry-after"]))
    assert waits == [4, 8, 16, 32]


async def test_an_unknown_identifier_is_slowed_alike(api: IdentityApi) -> None:
    answers = [(await api.start("nobody@patient.example", WRONG)).status_code for _ in range(8)]
    assert answers == [403] * 6 + [429] * 2


async def test_strangers_at_many_addresses_close_no_account_and_are_told_to_its_holder(
    api: IdentityApi, database: Database
) -> None:
    await api.open_account()
    statuses = []
    for last in range(8):
        async with run_identity_api(database, peer=f"10.0.0.{last}") as elsewhere:
            statuses += [(await elsewhere.start(password=WRONG)).status_code for _ in range(8)]
    assert statuses == ([403] * 6 + [429] * 2) * 8
    assert len(await api.messages("account-locked")) == 1
    assert (await api.start()).status_code == 200


async def test_many_accounts_tried_from_one_address_slow_that_address(api: IdentityApi, database: Database) -> None:
    statuses = Counter([(await api.start(f"guess-{n}", WRONG)).status_code for n in range(34)])
    assert statuses[429] >= 2
    async with run_identity_api(database, peer="10.0.0.9") as elsewhere:
        assert (await elsewhere.start("guess-100", WRONG)).status_code == 403


async def test_strangers_do_not_lock_the_holder_out_of_a_known_device(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    own = await api.sign_in()
    async with run_identity_api(database, peer="10.0.0.9") as stranger:
        for _ in range(20):
            await stranger.start(password=WRONG)
        assert (await stranger.start(password=WRONG, device_token="A" * 64)).status_code == 429
        assert (await api.sign_in(device_token=own["device_token"]))["access_token"]
        still = await stranger.start(password=WRONG)
        assert still.status_code == 429, "the holder's sign-in gives strangers nothing back"


async def test_a_reset_opens_a_way_for_a_device_although_its_address_was_slowed(api: IdentityApi) -> None:
    await api.open_account()
    for _ in range(20):
        await api.start(password=WRONG)
    assert (await api.start()).status_code == 429
    challenge = (await api.client.post("/password-resets", json={"identifier": MAIL})).json()["challenge_id"]
    body = {"code": await api.code("password-reset-code"), "password": OTHER_PASSWORD}
    answer = await api.client.post(f"/password-resets/{challenge}/password", json=body)
    device_token = answer.json()["device_token"]
    assert (await api.sign_in(password=OTHER_PASSWORD, device_token=device_token))["access_token"]


async def test_a_known_device_is_slowed_by_its_own_failures(api: IdentityApi) -> None:
    await api.open_account()
    own = await api.sign_in()
    tries = [(await api.start(password=WRONG, device_token=own["device_token"])).status_code for _ in range(8)]
    assert tries == [403] * 6 + [429] * 2
    assert (await api.start()).status_code == 200, "as a stranger it has tried nothing"


async def test_a_sign_in_gives_the_tries_back(api: IdentityApi) -> None:
    await api.open_account()
    for _ in range(3):
        for _ in range(4):
            assert (await api.start(password=WRONG)).status_code == 403
        await api.sign_in()


async def test_a_right_password_alone_gives_nothing_back(api: IdentityApi) -> None:
    await api.open_account()
    statuses = [(await api.start()).status_code for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    assert len(await api.messages("sign-in-code")) == 6


async def test_a_flood_is_refused_counted_and_summed_up_in_the_ledger(api: IdentityApi) -> None:
    await api.open_account()
    counted = REFUSED.labels("sign-in", "too-many-tries")._value.get()
    statuses: Counter[int] = Counter()
    for _ in range(25):
        answers = await asyncio.gather(*(api.start(password=WRONG) for _ in range(40)))
        statuses.update(answer.status_code for answer in answers)
    assert set(statuses) == {403, 429}
    assert statuses[403] == 6
    assert metrics.REFUSED.labels("sign-in", "too-many-tries")._value.get() - counted == statuses[429]
    entries = Counter(await api.entries("sign-in"))
    assert entries == {
        ("refused", "credentials-wrong", "unknown"): statuses[403],
        ("refused", "too-many-tries", "unknown"): 1,
    }
    (message,) = await api.messages("account-locked")
    assert message == {"to": {"mail": MAIL}, "language": "fr", "values": {}}


async def test_ever_new_addresses_are_one_word_to_the_holder_in_a_day(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    for last in range(12):
        await wait_is_over(api)
        async with run_identity_api(database, peer=f"10.0.0.{last}") as elsewhere:
            assert (await elsewhere.start(password=WRONG)).status_code == 403
    assert len(await api.messages("account-locked")) == 1
    assert (await api.entries("sign-in")).count(("refused", "too-many-tries", "unknown")) == 1


async def test_an_address_that_tries_many_accounts_alarms_no_holder_who_was_tried_once(api: IdentityApi) -> None:
    await api.open_account()
    for number in range(30):
        await api.start(f"guess-{number}", WRONG)
    assert (await api.start(password=WRONG)).status_code == 403
    assert await api.messages("account-locked") == []


async def test_processes_count_together(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    async with run_identity_api(database) as second:
        pairs = await asyncio.gather(*(process.start(password=WRONG) for process in (api, second) for _ in range(10)))
    assert Counter(answer.status_code for answer in pairs) == {403: 6, 429: 14}


async def test_resets_are_slowed_too_and_send_no_flood_of_codes(api: IdentityApi) -> None:
    await api.open_account()
    statuses = [(await api.client.post("/password-resets", json={"identifier": MAIL})).status_code for _ in range(8)]
    assert statuses == [202] * 4 + [429] * 4
    assert len(await api.messages("password-reset-code")) == 4


async def test_resets_that_strangers_ask_for_never_close_the_holders_way(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    for last in range(6):
        async with run_identity_api(database, peer=f"10.0.0.{last}") as stranger:
            for _ in range(6):
                await stranger.client.post("/password-resets", json={"identifier": MAIL})
    assert (await api.client.post("/password-resets", json={"identifier": MAIL})).status_code == 202


async def flood_with_resets(database: Database) -> httpx2.Response:
    for last in range(6):
        async with run_identity_api(database, peer=f"10.0.0.{last}") as stranger:
            for _ in range(4):
                response = await stranger.client.post("/password-resets", json={"identifier": MAIL})
    return response


async def test_a_flood_of_resets_fills_no_mailbox_and_the_code_that_came_last_serves_the_holder(
    api: IdentityApi, database: Database
) -> None:
    await api.open_account()
    await flood_with_resets(database)
    assert len(await api.messages("password-reset-code")) == MAX_UNANSWERED
    challenge = (await api.client.post("/password-resets", json={"identifier": MAIL})).json()["challenge_id"]
    assert len(await api.messages("password-reset-code")) == MAX_UNANSWERED
    body = {"code": await api.code("password-reset-code"), "password": OTHER_PASSWORD}
    assert (await api.client.post(f"/password-resets/{challenge}/password", json=body)).status_code == 200
    assert (await api.client.post(f"/password-resets/{challenge}/password", json=body)).status_code == 403


async def test_codes_that_are_over_are_replaced_by_fresh_ones(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    await flood_with_resets(database)
    await query(api.database, "update challenges set expires_at = now() - interval '1 second'")
    assert (await api.client.post("/password-resets", json={"identifier": MAIL})).status_code == 202
    assert len(await api.messages("password-reset-code")) == MAX_UNANSWERED + 1


async def test_of_many_unanswered_codes_each_may_be_tried_once(api: IdentityApi, database: Database) -> None:
    await api.open_account()
    response = await flood_with_resets(database)
    path = f"/password-resets/{response.json()['challenge_id']}/password"
    right = await api.code("password-reset-code")
    wrong = await api.client.post(path, json={"code": other_code(right), "password": OTHER_PASSWORD})
    over = await api.client.post(path, json={"code": right, "password": OTHER_PASSWORD})
    assert [wrong.json()["code"], over.json()["code"]] == ["code-wrong", "code-over"]


async def test_what_has_run_out_is_swept(api: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "SWEEP_EVERY_S", 0)
    await api.open_account()
    await api.sign_in()
    await loops.sweep_accounts(api.pool)
    for table in ("challenges", "sessions", "refresh_tokens", "throttles"):
        assert await query(api.database, f"select * from {table}"), table
    await query(api.database, "update challenges set expires_at = now() - interval '2 hours'")
    await query(api.database, "update sessions set expires_at = now() - interval '1 second'")
    await query(api.database, "update refresh_tokens set expires_at = now() - interval '1 second'")
    await query(api.database, "update throttles set next_at = now() - interval '3 days'")
    await loops.sweep_accounts(api.pool)
    for table in ("challenges", "sessions", "refresh_tokens", "throttles"):
        assert await query(api.database, f"select * from {table}") == [], table
