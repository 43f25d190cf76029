"""A campaign opens a record for everyone who does not refuse, once, whatever happens to the process."""

import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.usecases.reprint_letters import reprint_letters
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.kit.readable_codes import grouped_code
from services.identity.kit.unit_of_work import Storage
from services.identity.loops import opening_loops
from services.identity.openings.domain.activation import open_code_batch
from services.identity.openings.store import activation
from services.identity.people.domain.insured import InsuredPerson
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import sealed_place
from shared.contracts.identity import RecordChanged
from shared.contracts.notify import MessageRequested
from shared.runtime import clock
from tests.infra.identity.accounts import KEYRINGS, RULES, IdentityApi, run_identity_api
from tests.infra.identity.campaigns import PLACES, die_at, open_all, tell_all
from tests.infra.identity.identity_api import administrator, query, settings_of
from tests.infra.identity.openings import (
    RULES_NOW,
    assisting,
    campaigner,
    choosing,
    enter,
    ins_body,
    insured,
    number_of,
    pharmacist,
)
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[IdentityApi]:
    settings = settings_of(database, accounts={"refusal_s": 0}, openings={"window_days": 0})
    async with run_identity_api(database, settings=settings) as api:
        yield api


async def begin(api: IdentityApi, **chosen: Any) -> UUID:
    answer = await api.client.post("/campaigns", json={"rate": 50_000, **chosen}, headers=campaigner())
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["campaign_id"])


async def shown(api: IdentityApi, campaign_id: UUID) -> dict[str, Any]:
    answer = await api.client.get(f"/campaigns/{campaign_id}", headers=campaigner())
    assert answer.status_code == 200, answer.text
    campaign: dict[str, Any] = answer.json()
    return campaign


async def object_(api: IdentityApi, number: int, channel: str = "letter", **how: Any) -> None:
    person = insured(number, **how).person
    traits = {
        "birth_name": person.traits.birth_name,
        "given_name": person.traits.given_name,
        "birth_date": person.traits.birth_date,
        "sex": "female",
    }
    body = {"ins": ins_body(number), "traits": traits, "channel": channel}
    answer = await api.client.put("/opening-objections", json=body, headers=administrator())
    assert answer.status_code in (200, 201), answer.text


def people(count: int) -> list[InsuredPerson]:
    """A fifth of them without a mail address."""
    return [insured(n, mail=None) if n % 5 == 0 else insured(n) for n in range(1, count + 1)]


def addressees(events: list[Any], kind: str) -> list[str]:
    """Whom messages of that kind are for."""
    requests = [event for event in events if isinstance(event, MessageRequested) and event.kind == kind]
    return [
        KEYRINGS.contacts.decrypt_jwe(request.sealed, sealed_place("request", request.request_id)).decode()
        for request in requests
    ]


@pytest.mark.long
async def test_a_thousand_are_told_three_object_and_the_others_get_a_record_once_though_the_worker_is_killed(
    api: IdentityApi,
) -> None:
    await enter(api.pool, people(1000))
    campaign_id = await begin(api)
    for place in (place for place in PLACES if place.startswith("notices")):
        assert await die_at(place, api.database, campaign_id) == -signal.SIGKILL
    await tell_all(api.pool, campaign_id)
    waiting = await shown(api, campaign_id)
    assert (waiting["status"], waiting["counts"]) == ("waiting", {"selected": 1000, "noticed": 1000})
    for number, channel in ((17, "letter"), (400, "phone-agent"), (999, "online")):
        await object_(api, number, channel)
    for place in (place for place in PLACES if place.startswith("openings")):
        assert await die_at(place, api.database, campaign_id) == -signal.SIGKILL
    await open_all(api.pool, campaign_id)
    campaign = await shown(api, campaign_id)
    assert campaign["status"] == "done"
    assert campaign["counts"] == {"selected": 1000, "noticed": 1000, "opened": 997, "objected-since": 3}
    events = await api.events()
    notices = addressees(events, "opening-notice")
    assert len(notices) == 1000
    assert sum('"mail"' in notice for notice in notices) == 800
    assert len(addressees(events, "activation-code")) == 997
    assert len({event.ins for event in events if isinstance(event, RecordChanged)}) == 997
    assert len([event for event in events if isinstance(event, RecordChanged)]) == 997
    entries = {
        (event.reason, event.actor.kind, event.actor.id) for event in events if isinstance(event, AccessRecorded)
    }
    assert entries == {("opened-automatic", "system", f"campaign:{campaign_id}")}
    assert (await query(api.database, "select size from activation_waves where purpose like 'campaign-%'"))[0][
        "size"
    ] == 997
    counted = (
        "select kind, channel, sum(number)::int as n from life_events group by kind, channel order by kind, channel"
    )
    assert [tuple(row) for row in await query(api.database, counted)] == [
        ("objection", "letter", 1),
        ("objection", "online", 1),
        ("objection", "phone-agent", 1),
        ("opening", "automatic", 997),
    ]


async def test_who_is_opened_for_activates_with_the_code_of_the_letter_which_can_be_printed_again(
    api: IdentityApi,
) -> None:
    await enter(api.pool, people(5))
    campaign_id = await begin(api)
    await tell_all(api.pool, campaign_id)
    await open_all(api.pool, campaign_id)
    letters = await api.messages("activation-code")
    wave_id = (await query(api.database, "select wave_id from campaigns"))[0]["wave_id"]
    async with api.pool.acquire() as connection:
        batch_row = await activation.load_code_batch_by_id(connection, wave_id)
        assert batch_row is not None
        codes = await activation.page_of_codes(connection, wave_id, (-1, UUID(int=0)), 100)
    wave = open_code_batch(*batch_row, KEYRINGS.persons)
    again = {grouped_code(wave.code(code.person, code.attempt)) for code in codes}
    assert again == {letter["values"]["code"] for letter in letters}
    mine = next(letter for letter in letters if letter["to"] == {"mail": "invente.1@patient.example"})
    body = {"ins": ins_body(1), "code": mine["values"]["code"], **choosing()}
    answer = await api.client.post("/activations", json=body)
    assert answer.status_code == 201, answer.text


async def test_letters_are_printed_again_with_the_same_codes_for_those_who_have_not_used_theirs(
    api: IdentityApi,
) -> None:
    await enter(api.pool, people(7))
    campaign_id = await begin(api)
    await tell_all(api.pool, campaign_id)
    await open_all(api.pool, campaign_id)
    first = {orjson.dumps(message) for message in await api.messages("activation-code")}
    mine = next(notice for notice in map(orjson.loads, first) if notice["to"] == {"mail": "invente.1@patient.example"})
    used = {"ins": ins_body(1), "code": mine["values"]["code"], **choosing()}
    assert (await api.client.post("/activations", json=used)).status_code == 201
    printing = str(UUID(int=7))
    after: UUID | None = None
    pages: list[tuple[int, UUID | None]] = []
    while after is not None or not pages:
        pages.append(await reprint_letters(Storage(api.pool, KEYRINGS), campaign_id, UUID(printing), after, 4))
        after = pages[-1][1]
    assert [count for count, _ in pages] == [4, 2]
    body = {"printing": printing}
    again = await api.client.post(f"/campaigns/{campaign_id}/letters", json=body, headers=campaigner())
    assert again.json() == {"letters": 6, "next_after": None}
    requests = [event for event in await api.events() if isinstance(event, MessageRequested)]
    letters = [request for request in requests if request.kind == "activation-code"]
    sent_letters = [orjson.dumps(message) for message in await api.messages("activation-code")]
    assert (len(sent_letters), len({letter.request_id for letter in letters})) == (7 + 6 + 6, 7 + 6)
    assert set(sent_letters[7:]) == first - {orjson.dumps(mine)}


async def test_who_has_a_record_objected_is_a_minor_or_cannot_be_reached_is_passed_over(api: IdentityApi) -> None:
    unreachable, minor = insured(4, mail=None, address=()), insured(5, born="2015-06-12")
    await enter(api.pool, [insured(1), insured(2), insured(3), unreachable, minor])
    assert (await api.client.post("/openings/assisted", json=assisting(2), headers=pharmacist())).status_code == 201
    await object_(api, 3)
    campaign_id = await begin(api)
    await tell_all(api.pool, campaign_id)
    assert (await shown(api, campaign_id))["counts"] == {
        "selected": 5,
        "noticed": 1,
        "has-record": 1,
        "objected": 1,
        "unreachable": 1,
        "minor": 1,
    }


async def test_nobody_is_told_twice_by_a_later_campaign(api: IdentityApi) -> None:
    await enter(api.pool, people(3))
    await tell_all(api.pool, await begin(api))
    await enter(api.pool, people(5))
    second = await begin(api)
    await tell_all(api.pool, second)
    assert (await shown(api, second))["counts"] == {"selected": 5, "noticed": 2, "noticed-before": 3}
    assert len(await api.messages("opening-notice")) == 5


async def test_only_who_is_selected_is_told(api: IdentityApi) -> None:
    selected = insured(1, region="11", regime="91", born="1950-01-02")
    others = [
        insured(2, region="84", regime="91", born="1950-01-02"),
        insured(3, region="11", regime="01", born="1950-01-02"),
        insured(4, region="11", regime="91", born="1949-12-31"),
    ]
    await enter(api.pool, [selected, *others])
    campaign_id = await begin(api, regions=["11"], regimes=["91"], born_from=1950, born_to=1959)
    await tell_all(api.pool, campaign_id)
    notices = await api.messages("opening-notice")
    assert [notice["to"] for notice in notices] == [{"mail": "invente.1@patient.example"}]


async def test_nothing_opens_before_the_time_to_object_is_over_and_then_it_does(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(api.pool, people(2))
    campaign_id = await begin(api, window_days=30)
    await tell_all(api.pool, campaign_id)
    until = clock.now().date() + timedelta(days=30)
    assert (await api.messages("opening-notice"))[0]["values"] == {
        "deadline": until.isoformat(),
        "url": RULES_NOW.objection_url,
    }
    await open_all(api.pool, campaign_id)
    assert (await shown(api, campaign_id))["status"] == "waiting"
    later = clock.now() + timedelta(days=30, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    await open_all(api.pool, campaign_id)
    monkeypatch.undo()
    assert (await shown(api, campaign_id))["counts"]["opened"] == 2


async def test_whoever_opens_a_record_meanwhile_gets_no_second_one(api: IdentityApi) -> None:
    await enter(api.pool, people(2))
    campaign_id = await begin(api)
    await tell_all(api.pool, campaign_id)
    assert (await api.client.post("/openings/assisted", json=assisting(1), headers=pharmacist())).status_code == 201
    await open_all(api.pool, campaign_id)
    assert (await shown(api, campaign_id))["counts"] == {
        "selected": 2,
        "noticed": 2,
        "opened": 1,
        "has-record-since": 1,
    }


async def test_a_paused_campaign_does_nothing_until_it_is_resumed(api: IdentityApi) -> None:
    await enter(api.pool, people(1))
    campaign_id = await begin(api)
    paused = await api.client.post(f"/campaigns/{campaign_id}/pause", headers=campaigner())
    assert paused.json()["is_paused"] is True
    assert await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id) == 0
    await api.client.post(f"/campaigns/{campaign_id}/resume", headers=campaigner())
    assert await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id) == 1
    await tell_all(api.pool, campaign_id)
    await open_all(api.pool, campaign_id)
    over = await api.client.post(f"/campaigns/{campaign_id}/pause", headers=campaigner())
    assert (over.status_code, over.json()["code"]) == (409, "campaign-over")


async def test_the_pace_is_kept(api: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    await enter(api.pool, people(250))
    campaign_id = await begin(api, rate=100)
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start)
    assert await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id) == 100
    assert await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id) == 0
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=1))
    assert await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id) == 100
    async with api.pool.acquire() as connection:
        campaign = await campaigns.load_campaign(connection, campaign_id)
    assert campaign is not None
    assert campaign.next_page_at == start + timedelta(seconds=2)


async def test_the_worker_runs_a_campaign_to_its_end(api: IdentityApi) -> None:
    await enter(api.pool, people(30))
    campaign_id = await begin(api)
    run = opening_loops(KEYRINGS, RULES.lookups, RULES_NOW)["run-campaigns"]

    async def done() -> bool:
        await run(api.pool)
        return bool((await shown(api, campaign_id))["status"] == "done")

    await eventually(done)
    assert (await shown(api, campaign_id))["counts"]["opened"] == 30


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"born_from": 1960, "born_to": 1950}, "selection-invalid"),
        ({"regions": ["00"]}, "region-unknown"),
        ({"regimes": ["general"]}, "regime-invalid"),
        ({"rate": 0}, "pace-invalid"),
        ({"window_days": -1}, "window-too-short"),
    ],
)
async def test_what_cannot_be_run_is_refused_in_both_languages(
    api: IdentityApi, chosen: dict[str, Any], code: str
) -> None:
    english = await api.client.post("/campaigns", json=chosen, headers=campaigner())
    french = await api.client.post("/campaigns", json=chosen, headers=campaigner() | {"accept-language": "fr"})
    assert (english.status_code, english.json()["code"], french.json()["code"]) == (422, code, code)
    if code not in ("region-unknown", "regime-invalid"):
        assert english.json()["detail"] != french.json()["detail"]


async def test_campaigns_are_run_by_those_with_the_scope_only(api: IdentityApi) -> None:
    for method, path in (("POST", "/campaigns"), ("GET", "/campaigns"), ("GET", f"/campaigns/{UUID(int=1)}")):
        body: dict[str, Any] | None = {} if method == "POST" else None
        response = await api.client.request(method, path, json=body, headers=administrator())
        assert response.status_code == 403
    unknown = await api.client.get(f"/campaigns/{UUID(int=1)}", headers=campaigner())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "campaign-unknown")
    campaign_id = await begin(api)
    listed = await api.client.get("/campaigns", headers=campaigner())
    assert [item["campaign_id"] for item in listed.json()] == [str(campaign_id)]


async def test_nothing_readable_of_who_was_told_is_kept(api: IdentityApi) -> None:
    await enter(api.pool, people(1))
    campaign_id = await begin(api)
    await tell_all(api.pool, campaign_id)
    await open_all(api.pool, campaign_id)
    for table in ("opening_notices", "campaigns", "activation_codes", "outbox", "life_events"):
        rows = await query(api.database, f"select encode(t::text::bytea, 'escape') as row from {table} t")
        stored = "".join(row["row"] for row in rows)
        for readable in (number_of(1)[:13], "patient.example", "INVENT", "RUE"):
            assert readable not in stored, table
