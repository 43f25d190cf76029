"""A record opens with help, and the person activates their account with the code that was sent to them."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.runtime import clock
from tests.infra.http.tokens import bearer, professional_token, software_token
from tests.infra.identity.accounts import IdentityApi, run_identity_api
from tests.infra.identity.identity_api import administrator, query
from tests.infra.identity.openings import assisting, campaigner, choosing, enter, ins_body, insured, pharmacist


@pytest_asyncio.fixture
async def api(api: IdentityApi) -> IdentityApi:
    await enter(api.pool, [insured(), insured(2, mail=None), insured(3, mail=None, address=()), insured(4)])
    return api


async def assist(
    api: IdentityApi, number: int = 1, headers: dict[str, str] | None = None, **more: Any
) -> httpx2.Response:
    return await api.client.post("/openings/assisted", json=assisting(number, **more), headers=headers or pharmacist())


async def activate(api: IdentityApi, code: str, number: int = 1, **more: Any) -> httpx2.Response:
    return await api.client.post("/activations", json={"ins": ins_body(number), "code": code, **choosing(**more)})


async def test_a_pharmacist_opens_and_the_person_activates_with_the_code_that_came(api: IdentityApi) -> None:
    response = await assist(api)
    assert (response.status_code, response.json()["code_sent"]) == (201, "mail"), response.text
    assert await api.entries("open-record") == [("permitted", "opened-pharmacist", "professional")]
    rows = await query(api.database, "select channel from records")
    assert [row["channel"] for row in rows] == ["pharmacist"]
    code = await api.code("activation-code")
    activated = await activate(api, code.lower().replace("-", " "))
    assert (activated.status_code, activated.json()) == (201, {"record_id": response.json()["record_id"]})
    assert await api.entries("activate-account") == [("permitted", "activated", "patient")]
    assert (await api.sign_in())["access_token"]
    kinds = await query(api.database, "select kind, channel from life_events order by kind")
    assert [tuple(row) for row in kinds] == [("activation", "pharmacist"), ("opening", "pharmacist")]


@pytest.mark.parametrize(
    ("headers", "stated", "channel"),
    [
        (bearer(professional_token("899700000001", "10")), None, "doctor"),
        (bearer(professional_token("899700000060", "G15_60")), None, "nurse"),
        (bearer(professional_token("899700000050", "G15_50")), None, "other-professional"),
        (bearer(software_token("care-home-1", "1750000001", "records.assist")), "care-home", "care-home"),
        (campaigner(), None, "cpam-agent"),
    ],
)
async def test_each_who_may_help_opens_by_their_own_way(
    api: IdentityApi, headers: dict[str, str], stated: str | None, channel: str
) -> None:
    assert (await assist(api, headers=headers, channel=stated)).status_code == 201
    assert [row["channel"] for row in await query(api.database, "select channel from records")] == [channel]


@pytest.mark.parametrize(
    ("headers", "changes", "status", "code"),
    [
        (bearer(professional_token("899700000041", "R94_41")), {}, 403, "assistance-refused"),
        (bearer(software_token("hospital-1", "1750000001")), {}, 403, "assistance-refused"),
        (administrator(), {}, 403, "assistance-refused"),
        (None, {"channel": "doctor"}, 422, "channel-unknown"),
        (None, {"channel": "automatic"}, 422, "channel-unknown"),
        (None, {"consent_noted": False}, 422, "consent-needed"),
        (None, {"card_serial": "0000000000"}, 404, "insured-unknown"),
        (None, {"number": 77}, 404, "insured-unknown"),
        (None, {"number": 3}, 409, "unreachable"),
        (None, {"attending_doctor_id": "899700000099"}, 422, "attending-doctor-unknown"),
    ],
)
async def test_what_stands_in_the_way_is_told_by_its_code_and_opens_nothing(
    api: IdentityApi, headers: dict[str, str] | None, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await assist(api, headers=headers, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await query(api.database, "select id from records") == []
    assert await api.events() == []


async def test_a_minor_needs_a_representative(api: IdentityApi) -> None:
    await enter(api.pool, [insured(8, born="2015-06-12")])
    answer = await assist(api, 8, born="2015-06-12")
    assert (answer.status_code, answer.json()["code"]) == (409, "representative-needed")


async def test_who_has_no_mail_gets_a_letter_and_can_give_a_mail_when_activating(api: IdentityApi) -> None:
    assert (await assist(api, 2)).json()["code_sent"] == "letter"
    letter = next(event for event in await api.events() if isinstance(event, MessageRequested))
    assert letter.channel == "letter"
    request = (await api.messages("activation-code"))[0]
    assert request["to"] == {"address": ["ZOE INVENTEE", "1 RUE INVENTEE", "99999 NULLEPART"]}
    code = request["values"]["code"]
    refused = await activate(api, code, 2)
    assert refused.json()["code"] == "second-factor-invalid"
    assert (await activate(api, code, 2, mail="zoe.inventee@patient.example")).status_code == 201
    assert [event.version for event in await api.events() if isinstance(event, ContactChanged)] == [1, 2]


async def test_asked_again_another_code_is_sent_and_the_first_is_revoked(api: IdentityApi) -> None:
    first = await assist(api)
    again = await assist(api)
    assert (again.status_code, again.json()) == (200, first.json())
    old, new = [message["values"]["code"] for message in await api.messages("activation-code")]
    assert old != new
    assert (await activate(api, old)).json()["code"] == "activation-code-wrong"
    assert (await activate(api, new)).status_code == 201
    response = await assist(api)
    assert (response.status_code, response.json()["code_sent"]) == (200, None)
    assert len(await api.messages("activation-code")) == 2


async def test_a_wrong_code_and_an_unknown_number_are_answered_alike_and_the_known_one_is_in_the_ledger(
    api: IdentityApi,
) -> None:
    await assist(api)
    await assist(api, 4)
    others = (await api.messages("activation-code"))[1]["values"]["code"]
    wrong_code, unknown_number = await activate(api, others), await activate(api, others, 77)
    assert (
        (wrong_code.status_code, wrong_code.json())
        == (unknown_number.status_code, unknown_number.json())
        == (403, wrong_code.json())
    )
    assert wrong_code.json()["code"] == "activation-code-wrong"
    assert await api.entries("activate-account") == [("refused", "activation-code-wrong", "unknown")]


async def test_a_mistyped_code_is_found_before_anything_is_looked_up(api: IdentityApi) -> None:
    await assist(api)
    code = await api.code("activation-code")
    mistyped = ("2" if code[0] != "2" else "3") + code[1:]
    answer = await activate(api, mistyped)
    assert (answer.status_code, answer.json()["code"]) == (422, "activation-code-malformed")
    assert await api.entries("activate-account") == []


async def test_a_code_serves_once_even_at_once(api: IdentityApi) -> None:
    await assist(api)
    code = await api.code("activation-code")
    answers = await asyncio.gather(*(activate(api, code, identifier=f"zoe.{n}@patient.example") for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]


async def test_a_code_is_over_after_three_months(api: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    await assist(api)
    code, later = await api.code("activation-code"), clock.now() + timedelta(days=91)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await activate(api, code)).json()["code"] == "activation-code-wrong"


async def test_codes_cannot_be_tried_without_end(api: IdentityApi) -> None:
    await assist(api)
    await assist(api, 4)
    others = (await api.messages("activation-code"))[1]["values"]["code"]
    answers = [await activate(api, others) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]


async def test_wrong_codes_from_elsewhere_do_not_close_the_way_of_the_right_one(api: IdentityApi) -> None:
    await assist(api)
    await assist(api, 4)
    right, others = [message["values"]["code"] for message in await api.messages("activation-code")]
    async with run_identity_api(api.database, peer="10.0.0.9") as stranger:
        assert [(await activate(stranger, others)).status_code for _ in range(11)] == [403] * 10 + [429]
    assert (await activate(api, right)).status_code == 201


async def test_who_helps_again_and_again_does_not_keep_others_from_helping(api: IdentityApi) -> None:
    tries = [await assist(api, card_serial="0000000000") for _ in range(6)]
    assert [response.status_code for response in tries] == [404] * 5 + [429]
    other = bearer(professional_token("899700000001", "10"))
    assert (await assist(api, headers=other)).status_code == 201


async def test_nothing_readable_of_a_code_is_kept(api: IdentityApi) -> None:
    await assist(api)
    code = await api.code("activation-code")
    rows = await query(api.database, "select * from activation_codes")
    rows += await query(api.database, "select * from activation_waves")
    stored = "".join(str(tuple(row)) for row in rows)
    assert code not in stored
    assert code.replace("-", "") not in stored
