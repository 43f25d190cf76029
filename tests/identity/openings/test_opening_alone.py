"""A record opens alone, online: the same answer for everybody, a code for those who may."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from services.identity.people.domain.insured import InsuredPerson
from shared.contracts.identity import ContactChanged, PeopleChanged, RecordChanged
from shared.contracts.notify import MessageRequested
from shared.runtime import clock
from tests.infra.http.tokens import bearer, make_token
from tests.infra.identity.accounts import MAIL, PASSWORD, IdentityApi, other_code, run_identity_api
from tests.infra.identity.identity_api import administrator, query
from tests.infra.identity.openings import (
    ask_alone,
    asking,
    complete,
    decide,
    enter,
    give_code,
    insured,
    mail_of,
    obtain_ticket,
)

DOCTOR = "899700000001"


@pytest_asyncio.fixture
async def api(api: IdentityApi) -> IdentityApi:
    await enter(api.pool, [insured()])
    return api


async def test_a_record_opens_alone_with_a_code_and_its_holder_can_sign_in(api: IdentityApi) -> None:
    opening_id, ticket = await obtain_ticket(api)
    opened = await complete(api, opening_id, ticket)
    assert opened.status_code == 202, opened.text
    record_id = opened.json()["record_id"]
    rows = await query(api.database, "select channel, status from records")
    assert [(row["channel"], row["status"]) for row in rows] == [("online", "open")]
    events = await api.events()
    assert [type(event) for event in events if not isinstance(event, MessageRequested)][:2] == [
        RecordChanged,
        ContactChanged,
    ]
    assert await api.entries("open-record") == [("permitted", "opened-online", "patient")]
    assert await api.entries("activate-account") == [("permitted", "activated", "patient")]
    assert len(await api.messages("record-opened")) == 1
    signed_in = await api.sign_in(identifier=MAIL, password=PASSWORD)
    assert signed_in["access_token"]
    kinds = await query(api.database, "select kind, region, channel, number from life_events order by kind")
    assert [tuple(row) for row in kinds] == [("activation", "84", "online", 1), ("opening", "84", "online", 1)]
    assert record_id


async def test_the_traits_are_those_of_the_register_and_what_was_asked_is_forgotten(api: IdentityApi) -> None:
    opening_id, ticket = await obtain_ticket(api)
    await complete(api, opening_id, ticket)
    same = {"birth_name": "D'INVENTÉE-EXEMPLE", "given_name": "Zoéb", "birth_date": "1955-06-12", "sex": "female"}
    body = {"ins": asking()["ins"], "traits": same, "contact": {"language": "fr"}}
    again = await api.client.post("/records", json=body, headers=administrator())
    assert again.status_code == 200, again.text
    rows = await query(api.database, "select status, sealed from online_openings")
    assert [(row["status"], row["sealed"]) for row in rows] == [("used", b"")]


@pytest.mark.parametrize(
    ("number", "who", "how", "codes"),
    [
        (2, insured(2), {}, 2),
        (3, insured(3, born="2015-06-12"), {"born": "2015-06-12"}, 1),
        (4, insured(4, regime="02"), {}, 1),
        (5, insured(5, card=None), {}, 1),
        (6, insured(6), {"card_serial": "9999999999"}, 1),
        (7, None, {}, 1),
    ],
    ids=["may", "minor", "other regime", "no card", "another card", "unknown"],
)
async def test_the_answer_is_the_same_whoever_asks(
    api: IdentityApi, number: int, who: InsuredPerson | None, how: dict[str, str], codes: int
) -> None:
    await enter(api.pool, [who] if who else [])
    wishes = (asking(), asking(number, **how))
    answers = [await api.client.post("/openings/online", json=wish) for wish in wishes]
    assert [answer.status_code for answer in answers] == [202, 202]
    first, second = ({**answer.json(), "opening_id": None} for answer in answers)
    assert first == second
    assert await decide(api) == 2
    assert len(await api.messages("opening-code")) == codes
    wrong = await give_code(api, answers[1].json()["opening_id"], other_code(await api.code("opening-code")))
    assert wrong.json()["code"] == "opening-code-wrong"


async def test_who_has_a_record_gets_no_code_and_no_other_answer(api: IdentityApi) -> None:
    opening_id, ticket = await obtain_ticket(api)
    await complete(api, opening_id, ticket)
    again = await api.client.post("/openings/online", json=asking())
    assert again.status_code == 202
    await decide(api)
    assert len(await api.messages("opening-code")) == 1


async def test_an_answer_has_the_language_that_is_wanted(api: IdentityApi) -> None:
    french = await api.client.post("/openings/online", json=asking(), headers={"accept-language": "fr"})
    assert "un code est en route" in french.json()["detail"]
    both = {**asking(), "mobile": "0612345678"}
    response = await api.client.post("/openings/online", json=both, headers={"accept-language": "fr"})
    assert response.status_code == 422
    assert response.json()["code"] == "contact-needed"
    assert response.json()["detail"].startswith("Donnez soit")


async def test_five_wrong_codes_and_the_right_one_is_of_no_use_any_more(api: IdentityApi) -> None:
    opening_id = await ask_alone(api)
    code = await api.code("opening-code")
    for _ in range(5):
        assert (await give_code(api, opening_id, other_code(code))).json()["code"] == "opening-code-wrong"
    over = await give_code(api, opening_id, code)
    assert (over.status_code, over.json()["code"]) == (403, "opening-over")
    assert (await give_code(api, uuid4(), code)).json()["code"] == "opening-over"


async def test_a_code_is_over_after_two_hours(api: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    opening_id = await ask_alone(api)
    code, later = await api.code("opening-code"), clock.now() + timedelta(hours=2, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await give_code(api, opening_id, code)).json()["code"] == "opening-over"


async def test_of_many_who_give_the_code_at_once_exactly_one_wins(api: IdentityApi) -> None:
    opening_id = await ask_alone(api)
    code = await api.code("opening-code")
    answers = await asyncio.gather(*(give_code(api, opening_id, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403, 403]


async def test_a_ticket_used_at_once_opens_one_record(api: IdentityApi) -> None:
    opening_id, ticket = await obtain_ticket(api)
    answers = await asyncio.gather(*(complete(api, opening_id, ticket) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [202, 403, 403]
    assert len(await query(api.database, "select id from records")) == 1


async def test_what_is_refused_leaves_the_ticket_as_it_was(api: IdentityApi) -> None:
    opening_id, ticket = await obtain_ticket(api)
    refusals = [
        (await complete(api, opening_id, ticket, password="azertyuiop12"), "password-weak"),
        (await complete(api, opening_id, ticket, terms_version="1999"), "terms-not-accepted"),
        (await complete(api, opening_id, ticket, second_factor="sms"), "second-factor-invalid"),
        (await complete(api, opening_id, ticket, attending_doctor_id="899700000099"), "attending-doctor-unknown"),
        (await complete(api, opening_id, "another-ticket"), "opening-over"),
    ]
    assert [answer.json()["code"] for answer, _ in refusals] == [code for _, code in refusals]
    assert (await query(api.database, "select count(*) as n from records"))[0]["n"] == 0
    assert (await complete(api, opening_id, ticket)).status_code == 202


async def test_the_attending_doctor_named_at_the_opening_is_announced(api: IdentityApi) -> None:
    entry = {"name": "Dr Camille Marbeuf", "profession": "G15_10"}
    put = await api.client.put(f"/professionals/{DOCTOR}", json=entry, headers=administrator())
    assert put.status_code == 200, put.text
    opening_id, ticket = await obtain_ticket(api)
    assert (await complete(api, opening_id, ticket, attending_doctor_id=DOCTOR)).status_code == 202
    named = [event for event in await api.events() if isinstance(event, PeopleChanged)]
    assert [(event.version, event.attending_doctor_id) for event in named] == [(1, DOCTOR)]


async def test_a_number_a_contact_and_an_address_may_ask_so_often_only(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [await api.client.post("/openings/online", json=asking()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json()["code"] == "too-many-openings"
    assert int(answers[-1].headers["retry-after"]) > 7000
    unknown = [await api.client.post("/openings/online", json=asking(99, mail=f"a{n}@b.example")) for n in range(4)]
    assert [response.status_code for response in unknown] == [202, 202, 202, 429]
    contact = [await api.client.post("/openings/online", json=asking(100 + n, mail=mail_of())) for n in range(3)]
    assert [response.status_code for response in contact] == [202, 202, 429]
    later = clock.now() + timedelta(hours=2, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await api.client.post("/openings/online", json=asking())).status_code == 202


async def test_a_stranger_who_asks_does_not_keep_the_holder_from_asking(api: IdentityApi) -> None:
    async with run_identity_api(api.database, peer="10.0.0.9") as stranger:
        body = asking(card_serial="9999999999")
        answers = [await stranger.client.post("/openings/online", json=body) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 3
    assert (await api.client.post("/openings/online", json=asking())).status_code == 202


async def test_many_at_once_do_not_slip_through_the_rate(api: IdentityApi) -> None:
    body = [asking(mail=f"n{place}@patient.example") for place in range(10)]
    answers = await asyncio.gather(*(api.client.post("/openings/online", json=wish) for wish in body))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 7


async def test_nothing_readable_of_who_asked_is_kept(api: IdentityApi) -> None:
    await ask_alone(api)
    rows = await query(api.database, "select * from online_openings")
    rows += await query(api.database, "select * from recent_requests")
    stored = "".join(str(tuple(row)) for row in rows)
    assert mail_of() not in stored
    assert str(asking()["ins"]["value"]) not in stored
    assert await api.code("opening-code") not in stored


async def test_an_earlier_objection_does_not_hinder_the_persons_own_wish(api: IdentityApi) -> None:
    traits = {"birth_name": "D'INVENTÉE-EXEMPLE", "given_name": "Zoéb", "birth_date": "1955-06-12", "sex": "female"}
    body = {"ins": asking()["ins"], "traits": traits, "channel": "letter"}
    token = bearer(make_token("administrator", "admin-1", scope="records.open"))
    objected = await api.client.put("/opening-objections", json=body, headers=token)
    assert objected.status_code in (200, 201), objected.text
    opening_id, ticket = await obtain_ticket(api)
    assert (await complete(api, opening_id, ticket)).status_code == 202
    assert await query(api.database, "select * from opening_suppressions") == []
