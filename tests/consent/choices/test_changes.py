"""Who may change what of a record's choices, what a change refuses, the limit, If-Match, and the history."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.consent.choices.steps import copy_records
from services.consent.choices.usecases import change_choices
from shared.access import RULES_VERSION, Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.consent.consent_api import APPLICATION, ConsentApi, Record, person, representative
from tests.infra.http.tokens import make_token, patient_token, professional_token, software_token
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import record_changed
from tests.infra.records.mixes import in_mode

DOCTOR, NURSE, HOSPITAL, CLINIC = "899700000001", "899700000002", "1750000001", "1750000002"
SECOND_DOCTOR = BLOCKED = "899700000003"
PERMITTED = (200, 202)


def days(count: float) -> str:
    return (clock.now() + timedelta(days=count)).isoformat()


def attestation(**changes: Any) -> dict[str, Any]:
    return {"informed_on": clock.now().date().isoformat(), "until": days(30), **changes}


def with_card(record: Record, professional: str = DOCTOR, **more: Any) -> str:
    return make_token("professional", professional, profession="10", patient_present=record.id, **more)


EMERGENCY = {"break_glass": False, "regulation_centre": True, "masked_documents": True}
EVERY_CHANGE: tuple[tuple[str, str, Any, str], ...] = (
    ("PUT", f"authorisations/{DOCTOR}", None, "authorise-professional"),
    ("DELETE", f"authorisations/{DOCTOR}", None, "end-authorisation"),
    ("PUT", f"attending-doctors/{DOCTOR}", None, "name-attending-doctor"),
    ("DELETE", f"attending-doctors/{DOCTOR}", None, "end-attending-doctor"),
    ("PUT", f"blocks/{DOCTOR}", None, "block-professional"),
    ("DELETE", f"blocks/{DOCTOR}", None, "unblock-professional"),
    ("PUT", f"feeding-objections/{HOSPITAL}", None, "object-to-feeding"),
    ("DELETE", f"feeding-objections/{HOSPITAL}", None, "withdraw-feeding-objection"),
    ("PUT", "emergency", EMERGENCY, "choose-emergency-access"),
    ("DELETE", f"attestations/{CLINIC}", None, "end-attestation"),
    ("DELETE", f"attestation-objections/{CLINIC}", None, "withdraw-attestation-objection"),
    ("PUT", "hidden-sections/BIOLOGIE", None, "hide-section"),
    ("DELETE", "hidden-sections/BIOLOGIE", None, "show-section"),
    ("PUT", "default-label", {"masked": True}, "choose-default-label"),
    ("PUT", "care-team", {"objected": True}, "object-to-care-team"),
    ("PUT", "care-team", {"objected": False}, "withdraw-care-team-objection"),
    ("PUT", f"applications/{APPLICATION}", {"sections": ["BIOLOGIE"]}, "reference-application"),
    ("DELETE", f"applications/{APPLICATION}", None, "end-application"),
)


async def test_the_person_makes_every_change_and_each_version_can_be_rebuilt(record: Record) -> None:
    states: dict[int, dict[str, Any]] = {1: await record.choices()}
    for method, path, body, action in EVERY_CHANGE:
        answer = await record.ask(method, path, body)
        assert answer.status_code in PERMITTED, (path, answer.text)
        entry = (await record.entries())[-1]
        assert (entry.action, entry.outcome, entry.reason) == (action, "permitted", "own-record")
        assert entry.state_version == answer.json()["version"]
        assert isinstance(decide(decode_facts(entry.facts or {})), Permit)
        states[answer.json()["version"]] = await record.choices()
    assert list(states) == list(range(1, len(EVERY_CHANGE) + 2))
    for version, then in states.items():
        again = (await record.ask("GET", f"choices/versions/{version}")).json()
        assert again["choices"] == {name: then[name] for name in again["choices"]}
    history = (await record.ask("GET", "choices/history")).json()
    assert [change["action"] for change in reversed(history["changes"])] == [
        "open-record",
        *(case[3] for case in EVERY_CHANGE),
    ]
    assert history["next"] is None
    assert history["changes"][-2]["by"] == "patient"


async def test_the_history_is_shown_page_by_page(record: Record) -> None:
    for method, path, body, _ in EVERY_CHANGE[:4]:
        await record.ask(method, path, body)
    first = (await record.ask("GET", "choices/history?limit=3")).json()
    assert [change["version"] for change in first["changes"]] == [5, 4, 3]
    rest = (await record.ask("GET", f"choices/history?limit=3&before={first['next']}")).json()
    assert [change["version"] for change in rest["changes"]] == [2, 1]
    assert rest["next"] is None
    assert (await record.ask("GET", "choices/versions/6")).status_code == 404


async def test_a_representative_changes_and_sees_what_the_person_could_while_the_relation_lasts(record: Record) -> None:
    parent, former, stranger = uuid4(), uuid4(), uuid4()
    representatives = (person(parent), person(former, until="2024-01-01T00:00:00Z"))
    await record.announce_people(representatives=representatives, is_minor=True)
    for id, expected in ((parent, 202), (former, 404), (stranger, 404)):
        token = representative(record.id, id)
        assert (await record.ask("PUT", "hidden-sections/BIOLOGIE", token=token)).status_code == expected
        assert (await record.ask("GET", "choices", token=token)).status_code == (200 if expected == 202 else 404)
    entry = (await record.entries())[0]
    assert (entry.actor.kind, entry.actor.id, entry.reason) == ("representative", str(parent), "representative")


@pytest.mark.parametrize("kind", ["representative", "carer"])
async def test_who_acts_for_the_person_waits_while_the_copy_of_the_people_is_old(record: Record, kind: str) -> None:
    parent = uuid4()
    people: dict[str, Any] = {f"{kind}s": (person(parent),)}
    await record.announce_people(**people)
    await record.api.pool.execute("update copy_watermarks set at = at - interval '1 hour'")
    token = representative(record.id, parent, kind)
    for method, path in (("PUT", "hidden-sections/BIOLOGIE"), ("GET", "choices"), ("GET", "choices/history")):
        answer = await record.ask(method, path, token=token)
        assert (answer.status_code, answer.json()["code"]) == (503, "cannot-be-checked-now")
        assert (await record.ask(method, path)).status_code in PERMITTED
    refused = (await record.entries())[0]
    assert (refused.outcome, refused.reason, refused.actor.kind) == ("refused", "copies-too-old", kind)


async def test_a_carer_makes_every_change_that_the_person_does_and_is_named_as_who_made_it(record: Record) -> None:
    carer = uuid4()
    await record.announce_people(carers=(person(carer, kind="carer"),))
    token = representative(record.id, carer, "carer")
    for method, path, body, action in EVERY_CHANGE:
        answer = await record.ask(method, path, body, token=token)
        assert answer.status_code in PERMITTED, (path, answer.text)
        if action == "authorise-professional":
            [authorisation] = (await record.choices())["authorisations"]
            assert (authorisation["holder_id"], authorisation["how"], authorisation["given_by"]) == (
                DOCTOR,
                "online",
                "carer",
            )
        entry = (await record.entries())[-1]
        assert (entry.action, entry.outcome, entry.reason, entry.rules_version) == (
            action,
            "permitted",
            "carer",
            RULES_VERSION,
        )
        assert (entry.actor.kind, entry.actor.id) == ("carer", str(carer))
        assert isinstance(decide(decode_facts(entry.facts or {})), Permit)
    history = (await record.ask("GET", "choices/history", token=token)).json()["changes"]
    assert [change["by"] for change in history[:-1]] == ["carer"] * len(EVERY_CHANGE)
    assert str(carer) not in str(history)


async def test_a_carer_sees_the_present_choices_when_another_was_first(record: Record) -> None:
    carer = uuid4()
    await record.announce_people(carers=(person(carer),))
    await record.ask("PUT", f"blocks/{NURSE}")
    token = representative(record.id, carer, "carer")
    late = await record.ask("PUT", f"authorisations/{DOCTOR}", token=token, if_match='"1"')
    assert (late.status_code, late.json()) == (412, await record.choices())
    again = await record.ask("PUT", f"authorisations/{DOCTOR}", token=token, if_match=late.headers["etag"])
    assert (again.status_code, again.json()["version"]) == (202, 3)


async def test_no_carer_attests_a_care_team(record: Record) -> None:
    carer = uuid4()
    await record.announce_people(carers=(person(carer),))
    token = representative(record.id, carer, "carer")
    answer = await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=token)
    assert (answer.status_code, answer.json()["code"]) == (403, "change-not-permitted")
    [entry] = await record.entries()
    assert (entry.outcome, entry.reason) == ("refused", "change-not-permitted")


@pytest.mark.parametrize("kind", ["representative", "carer"])
async def test_who_acts_for_the_person_no_more_is_answered_like_for_what_does_not_exist(
    record: Record, kind: str
) -> None:
    former, other = uuid4(), uuid4()
    people: dict[str, Any] = {f"{kind}s": (person(former, until="2024-01-01T00:00:00Z"), person(other))}
    await record.announce_people(**people)
    missing = Record(record.api, uuid4())
    ended, another = representative(record.id, former, kind), representative(uuid4(), other, kind)
    for method, path, body, _ in EVERY_CHANGE:
        unknown = await missing.ask(method, path, body, token=ended)
        assert unknown.status_code == 404
        for token in (ended, another):
            answer = await record.ask(method, path, body, token=token)
            assert (answer.status_code, answer.content) == (404, unknown.content)
    for token in (ended, another):
        assert (await record.ask("GET", "choices", token=token)).status_code == 404
    entries = await record.entries()
    assert len(entries) == 2 * len(EVERY_CHANGE) + 2, "the looks too"
    assert {(entry.outcome, entry.reason) for entry in entries} == {("refused", "not-own-record")}
    assert await missing.events() == []


async def test_a_professional_adds_the_own_authorisation_with_the_card_and_no_other(record: Record) -> None:
    path = f"authorisations/{DOCTOR}"
    assert (await record.ask("PUT", path, token=professional_token(DOCTOR))).status_code == 403
    assert (await record.ask("PUT", f"authorisations/{NURSE}", token=with_card(record))).status_code == 403
    other = make_token("professional", DOCTOR, profession="10", patient_present=uuid4())
    assert (await record.ask("PUT", path, token=other)).status_code == 403
    assert (await record.ask("PUT", path, token=with_card(record))).status_code == 202
    [authorisation] = (await record.choices())["authorisations"]
    assert (authorisation["holder_id"], authorisation["how"], authorisation["given_by"]) == (
        DOCTOR,
        "card-present",
        "professional",
    )
    assert (await record.entries())[-1].reason == "card-present"
    assert [entry.outcome for entry in await record.entries()] == ["refused"] * 3 + ["permitted"]


async def test_a_reading_of_the_card_serves_one_act_whatever_the_person_does_since(record: Record) -> None:
    path, token = f"authorisations/{DOCTOR}", with_card(record)
    both = await asyncio.gather(*(record.ask("PUT", path, {"until": days(n)}, token=token) for n in (1, 2)))
    assert sorted(answer.status_code for answer in both) == [202, 403]
    assert (await record.ask("DELETE", path)).status_code == 202
    again = await record.ask("PUT", path, token=token)
    assert (again.status_code, again.json()["code"]) == (403, "presence-used")
    assert (await record.choices())["authorisations"] == []
    assert (await record.entries())[-1].reason == "presence-used"
    assert (await record.ask("PUT", path, token=with_card(record))).status_code == 202


async def test_a_blocked_professional_learns_nothing_by_the_card(record: Record) -> None:
    await record.ask("PUT", f"blocks/{DOCTOR}")
    blocked = await record.ask("PUT", f"authorisations/{DOCTOR}", token=with_card(record))
    missing = Record(record.api, uuid4())
    token = make_token("professional", DOCTOR, profession="10", patient_present=missing.id)
    unknown = await missing.ask("PUT", f"authorisations/{DOCTOR}", token=token)
    assert (blocked.status_code, blocked.content) == (404, unknown.content)
    assert (await record.entries())[-1].reason == "blocked"
    assert await missing.events() == []


async def test_the_medecin_traitant_blocks_others_but_nobody_blocks_themself(record: Record) -> None:
    await record.announce_people(attending_doctor_id=DOCTOR)
    token = professional_token(DOCTOR, organisation_id=HOSPITAL)
    assert (await record.ask("PUT", f"blocks/{NURSE}", token=token)).status_code == 202
    assert (await record.ask("DELETE", f"blocks/{NURSE}", token=token)).status_code == 403
    for holder_id in (DOCTOR, HOSPITAL):
        answer = await record.ask("PUT", f"blocks/{holder_id}", token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "blocking-oneself")
    assert (await record.ask("PUT", f"blocks/{DOCTOR}", token=professional_token(NURSE))).status_code == 403
    assert (await record.choices())["blocked"] == [NURSE]


async def test_the_doctor_named_at_opening_is_one_of_the_choices_and_stays_ended_once_ended(record: Record) -> None:
    await record.announce_people(attending_doctor_id=DOCTOR)
    assert (await record.choices())["attending_doctors"] == [DOCTOR]
    state, entry = await record.events()
    assert isinstance(state, ConsentStateChanged)
    assert state.attending_doctors == (DOCTOR,)
    assert isinstance(entry, AccessRecorded)
    assert (entry.action, entry.reason) == ("name-attending-doctor", "named-at-opening")
    await record.ask("DELETE", f"attending-doctors/{DOCTOR}")
    await record.announce_people(2, attending_doctor_id=DOCTOR, is_minor=True)
    await record.announce_people(1, attending_doctor_id=NURSE)
    assert (await record.choices())["attending_doctors"] == []
    await record.announce_people(3, attending_doctor_id=SECOND_DOCTOR)
    assert (await record.choices())["attending_doctors"] == [SECOND_DOCTOR]
    await record.announce_people(4, attending_doctor_id=NURSE)
    assert (await record.choices())["attending_doctors"] == [SECOND_DOCTOR], "only doctors hold the status"


async def test_a_doctor_named_before_the_record_is_heard_of_is_in_the_first_state(api: ConsentApi) -> None:
    early = Record(api, uuid4())
    await early.announce_people(attending_doctor_id=DOCTOR)
    async with transaction(api.pool) as connection:
        await copy_records(connection, [message(record_changed(early.id))])
    choices = await early.choices()
    assert (choices["version"], choices["attending_doctors"]) == (1, [DOCTOR])


@pytest.mark.parametrize("by", ["software", "professional"])
async def test_an_attestation_is_shown_to_the_person_who_can_end_it(record: Record, by: str) -> None:
    software = software_token("software-1", HOSPITAL)
    token = software if by == "software" else professional_token(NURSE, "60", HOSPITAL)
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=token)).status_code == 202
    choices = await record.choices()
    [team] = choices["authorisations"]
    assert (team["holder_id"], team["how"], team["given_by"]) == (HOSPITAL, "care-team", by)
    assert team["informed_on"] == clock.now().date().isoformat()
    assert choices["authorised"] == []
    again = await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(until=team["until"]), token=token)
    assert (again.status_code, again.json()) == (202, {"version": None, "status": "on-its-way"})
    assert (await record.choices())["version"] == 2
    other = software_token("software-2", CLINIC)
    for method in ("PUT", "DELETE"):
        answer = await record.ask(method, f"attestations/{HOSPITAL}", attestation(), token=other)
        assert (answer.status_code, answer.json()["code"]) == (403, "change-not-permitted")
    assert (await record.ask("DELETE", f"attestations/{HOSPITAL}")).status_code == 202
    assert (await record.choices())["authorisations"] == []
    assert (await record.entries())[0].reason == "care-team"


async def test_nobody_attests_for_a_person_who_objects_to_care_teams(record: Record) -> None:
    await record.ask("PUT", "care-team", {"objected": True})
    refused = await record.ask(
        "PUT", f"attestations/{HOSPITAL}", attestation(), token=software_token("software-1", HOSPITAL)
    )
    assert refused.status_code == 404
    assert (await record.entries())[-1].reason == "care-team-objected"
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation())).status_code == 403


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"informed_on": "2999-01-01"}, "attestation-invalid"),
        ({"informed_on": days(2)[:10]}, "attestation-invalid"),
        ({"until": days(367)}, "attestation-invalid"),
        ({"until": days(-1)}, "period-invalid"),
        ({"from": days(20), "until": days(10)}, "period-invalid"),
        ({"until": None}, "invalid"),
        ({"until": "2030-01-01T00:00:00"}, "invalid"),
        ({"organisation": CLINIC}, "invalid"),
    ],
)
async def test_an_attestation_that_cannot_be_is_refused(record: Record, changes: dict[str, Any], code: str) -> None:
    token = software_token("software-1", HOSPITAL)
    answer = await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(**changes), token=token)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await record.choices())["version"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"authorisations/{DOCTOR}", {"until": days(-1)}, 422, "period-invalid"),
        (f"authorisations/{DOCTOR}", {"from": days(3), "until": days(2)}, 422, "period-invalid"),
        (f"authorisations/{NURSE}", None, 409, "professional-blocked"),
        (f"attending-doctors/{BLOCKED}", None, 409, "professional-blocked"),
        ("hidden-sections/NOWHERE", None, 422, "section-unknown"),
        (f"applications/{APPLICATION}", {"sections": ["NOWHERE"]}, 422, "section-unknown"),
        (f"authorisations/{DOCTOR}", {"until": "2030-01-01T00:00:00"}, 422, "invalid"),
        ("default-label", {}, 422, "invalid"),
    ],
)
async def test_what_contradicts_itself_changes_nothing_and_says_why(
    record: Record, path: str, body: Any, status: int, code: str
) -> None:
    for blocked in (NURSE, BLOCKED):
        await record.ask("PUT", f"blocks/{blocked}")
    before = await record.choices()
    answer = await record.ask("PUT", path, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await record.choices() == before
    if code != "invalid":
        assert ((await record.entries())[-1].outcome, (await record.entries())[-1].reason) == ("refused", code)
        french = await record.ask("PUT", path, body, accept_language="fr")
        assert french.headers["content-language"] == "fr"


async def end(record: Record, holder: str, until: str) -> None:
    """As if the authorisation of this holder had had that end."""
    [authorisation] = [listed for listed in (await record.choices())["authorisations"] if listed["holder_id"] == holder]
    ended = "update consent_states set choices = replace(choices::text, $1, $2)::jsonb"
    await record.api.pool.execute(ended, authorisation["until"], until)


async def latest(record: Record) -> ConsentStateChanged:
    """The state that was told last, and its authorisations."""
    return [event for event in await record.events() if isinstance(event, ConsentStateChanged)][-1]


async def test_an_authorisation_with_an_end_is_told_with_it_and_stays_known_as_ended_for_a_year(record: Record) -> None:
    await record.ask("PUT", f"authorisations/{DOCTOR}", {"until": days(1)})
    await record.ask("PUT", f"authorisations/{NURSE}", {"from": days(1), "until": None})
    await record.ask("PUT", f"authorisations/{HOSPITAL}")
    for until, expected in ((days(-365), [HOSPITAL, DOCTOR, NURSE]), (days(-367), [HOSPITAL, NURSE])):
        await end(record, DOCTOR, until)
        version = (await record.choices())["version"]
        assert (await record.ask("DELETE", f"authorisations/{DOCTOR}")).json()["version"] == version
        await record.ask("PUT", "default-label", {"masked": version % 2 == 0})
        state = await latest(record)
        assert [authorisation.holder_id for authorisation in state.authorisations or ()] == expected
        assert state.authorised == (HOSPITAL,)
        if DOCTOR in expected:
            await record.ask("PUT", f"authorisations/{CLINIC}")
            await record.ask("DELETE", f"authorisations/{CLINIC}")
    await record.ask("PUT", f"authorisations/{DOCTOR}", {"until": days(1)})
    await end(record, DOCTOR, days(-1))
    assert (await record.ask("PUT", f"authorisations/{DOCTOR}")).status_code == 202
    [again] = [
        authorisation
        for authorisation in (await record.choices())["authorisations"]
        if authorisation["holder_id"] == DOCTOR
    ]
    assert again["until"] is None


async def test_of_two_changes_of_the_same_version_one_is_answered_with_the_present_choices(record: Record) -> None:
    looked = await record.ask("GET", "choices")
    assert looked.headers["etag"] == '"1"'
    answers = await asyncio.gather(
        record.ask("PUT", f"authorisations/{DOCTOR}", if_match=looked.headers["etag"]),
        record.ask("PUT", f"blocks/{NURSE}", if_match=looked.headers["etag"]),
    )
    assert sorted(answer.status_code for answer in answers) == [202, 412]
    [late] = [answer for answer in answers if answer.status_code == 412]
    present = await record.choices()
    assert late.json() == present
    assert late.headers["etag"] == '"2"'
    assert present["version"] == 2
    assert (await record.ask("PUT", "care-team", {"objected": True}, if_match='"2"')).headers["etag"] == '"3"'
    assert (await record.ask("PUT", "default-label", {"masked": True}, if_match="*")).status_code == 202
    assert (await record.ask("PUT", "default-label", {"masked": True}, if_match="four")).status_code == 422


async def test_a_closed_record_changes_no_more_and_its_holder_alone_sees_the_choices(record: Record) -> None:
    parent, carer = uuid4(), uuid4()
    await record.announce_people(representatives=(person(parent),), carers=(person(carer),))
    await record.api.pool.execute("update record_copies set status = 'closed' where record_id = $1", record.id)
    assert (await record.ask("GET", "choices")).status_code == 200
    refused = await record.ask("PUT", f"blocks/{DOCTOR}")
    assert (refused.status_code, refused.json()["code"]) == (409, "record-closed")
    token = software_token("software-1", HOSPITAL)
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=token)).status_code == 404
    for kind, id in (("representative", parent), ("carer", carer)):
        token = representative(record.id, id, kind)
        answer = await record.ask("PUT", f"blocks/{DOCTOR}", token=token)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        for path in ("choices", "choices/history", "choices/versions/1"):
            assert (await record.ask("GET", path, token=token)).status_code == 404
    assert {(entry.outcome, entry.reason) for entry in await record.entries()} == {("refused", "record-closed")}


async def test_a_change_that_cannot_be_announced_is_not_made(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await record.choices()

    async def crash(*_: object) -> None:
        raise OSError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(change_choices, "append", crash)
        assert (await record.ask("PUT", f"authorisations/{DOCTOR}")).status_code == 503
    assert await record.choices() == before
    assert await record.events() == []
    assert (await record.ask("GET", "choices/versions/2")).status_code == 404
    assert (await record.ask("PUT", f"authorisations/{DOCTOR}")).json()["version"] == 2


async def test_who_sees_no_choices_is_not_shown_them_by_a_condition(record: Record) -> None:
    await record.ask("PUT", f"blocks/{NURSE}")
    path = f"attestations/{HOSPITAL}"
    token = software_token("software-1", HOSPITAL)
    answer = await record.ask("PUT", path, attestation(), token=token, if_match='"1"')
    assert (answer.status_code, (await record.choices())["version"]) == (202, 3)
    assert NURSE not in answer.text
    assert (await record.ask("PUT", path, attestation(), token=token, if_match='W/"0f"')).status_code == 202


async def test_who_sees_no_choices_does_not_learn_that_others_were_made(record: Record) -> None:
    token, path = software_token("software-1", HOSPITAL), f"attestations/{HOSPITAL}"
    body = attestation()
    assert (await record.ask("PUT", path, body, token=token)).status_code == 202
    on_its_way = await record.ask("PUT", path, body, token=token, prefer="wait=0")
    assert on_its_way.status_code == 202
    await record.put_in_force(2)
    before = await record.ask("PUT", path, body, token=token, prefer="wait=1")
    assert (before.status_code, before.json()) == (200, {"version": None, "status": "in-force"})
    await record.ask("PUT", f"blocks/{NURSE}")
    await record.ask("PUT", "hidden-sections/BIOLOGIE")
    after = await record.ask("PUT", path, body, token=token, prefer="wait=1")
    assert (after.status_code, after.content) == (before.status_code, before.content)
    assert not {"etag", "server-timing"} & {*before.headers, *after.headers}


async def test_whether_a_record_exists_is_told_to_nobody_else(record: Record) -> None:
    missing = Record(record.api, uuid4())
    tokens = (patient_token(uuid4()), professional_token(DOCTOR), software_token("software-1", HOSPITAL))
    for method, path, body, _ in EVERY_CHANGE:
        for token in tokens:
            of_known_record = await record.ask(method, path, body, token=token)
            unknown = await missing.ask(method, path, body, token=token)
            assert (of_known_record.status_code, of_known_record.content) == (unknown.status_code, unknown.content)
    assert await missing.events() == []


async def test_a_stranger_is_refused_like_for_a_record_that_does_not_exist_and_the_person_can_see_it(
    record: Record,
) -> None:
    stranger = patient_token(uuid4())
    for method, path, body, _ in EVERY_CHANGE:
        assert (await record.ask(method, path, body, token=stranger)).status_code == 404
    assert {(entry.outcome, entry.reason) for entry in await record.entries()} == {("refused", "not-own-record")}
    missing = Record(record.api, uuid4())
    assert (await missing.ask("PUT", "care-team", {"objected": True}, token=stranger)).status_code == 404
    assert await missing.events() == []


async def test_in_an_emergency_nothing_is_added_to_another_record_than_the_one_it_is_for(record: Record) -> None:
    path, add = f"authorisations/{DOCTOR}", {"patient_present": record.id}
    for_other_record, for_this_record = (
        in_mode("bris_de_glace", uuid4(), DOCTOR, **add),
        in_mode("bris_de_glace", record.id, DOCTOR, **add),
    )
    assert (await record.ask("PUT", path, token=for_other_record)).status_code == 404
    assert (await record.entries())[-1].reason == "record-not-named"
    assert (await record.ask("PUT", path, token=for_this_record)).status_code == 202
