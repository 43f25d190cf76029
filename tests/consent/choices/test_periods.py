"""What holds how long: authorisations to come beside those in force, attestations ended for good, dates of FHIR."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from services.consent.choices.domain.changes import apply_change
from services.consent.choices.domain.choices import Change, Choices
from shared.runtime import clock
from tests.consent.authorisations.test_fhir import ask, consent, holder_ids_found
from tests.consent.choices.test_changes import attestation, days
from tests.infra.consent.consent_api import ConsentApi, Record, person, representative
from tests.infra.http.tokens import professional_token, software_token

DOCTOR, HOSPITAL, CLINIC = "899700000001", "1750000001", "1750000002"
OPEN_ENDED = {"until": None}


async def authorise(record: Record, body: Any) -> None:
    answer = await record.ask("PUT", f"authorisations/{DOCTOR}", body)
    assert answer.status_code == 202, answer.text


async def listed_authorisations(record: Record) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await record.choices())["authorisations"]
    return listed


async def test_an_authorisation_to_come_stands_beside_the_one_in_force(record: Record) -> None:
    await authorise(record, {"until": days(30)})
    await authorise(record, {"from": days(60), "until": days(90)})
    now, later = await listed_authorisations(record)
    assert datetime.fromisoformat(now["from"]) <= clock.now() < datetime.fromisoformat(later["from"])
    await authorise(record, {"from": days(61), **OPEN_ENDED})
    again, other = await listed_authorisations(record)
    assert (again, other["until"]) == (now, None), "the later one takes the place of the later one"
    await authorise(record, OPEN_ENDED)
    assert [authorisation["until"] for authorisation in await listed_authorisations(record)] == [None, None]
    assert (await record.choices())["authorised"] == [DOCTOR]
    assert (await record.ask("DELETE", f"authorisations/{DOCTOR}")).status_code == 202
    assert await listed_authorisations(record) == [], "ending ends both"


async def test_a_block_ends_what_is_to_come_too(record: Record) -> None:
    await authorise(record, {"until": days(30)})
    await authorise(record, {"from": days(60), **OPEN_ENDED})
    await record.ask("PUT", f"blocks/{DOCTOR}")
    assert await listed_authorisations(record) == []


async def test_attestations_to_come_stand_beside_those_in_force_too(record: Record) -> None:
    token = software_token("software-1", HOSPITAL)
    for body in (attestation(), attestation(**{"from": days(20), "until": days(50)})):
        assert (await record.ask("PUT", f"attestations/{HOSPITAL}", body, token=token)).status_code == 202
    assert [authorisation["how"] for authorisation in await listed_authorisations(record)] == ["care-team", "care-team"]
    await record.ask("DELETE", f"attestations/{HOSPITAL}", token=token)
    assert await listed_authorisations(record) == []


def test_of_one_holder_nothing_piles_up() -> None:
    choices, now = Choices(), clock.now()
    for number in range(20):
        since = now + timedelta(days=number % 3)
        change = Change(
            action="authorise-professional", subject_id=DOCTOR, since=since, until=since + timedelta(days=9)
        )
        choices = apply_change(choices, change, "patient", now)
        assert len(choices.authorisations) <= 2


async def test_each_of_the_two_is_a_consent_of_its_own_and_ending_one_ends_both(record: Record) -> None:
    first = await ask(record, "POST", body=consent(record.id, provision={"period": {"end": days(30)}}))
    later = await ask(record, "POST", body=consent(record.id, provision={"period": {"start": days(60)}}))
    ids = [response.json()["id"] for response in (first, later)]
    assert ids == [f"{record.id.hex}.{DOCTOR}", f"{record.id.hex}.{DOCTOR}.next"]
    assert later.headers["location"].endswith(ids[1])
    for id, created in zip(ids, (first, later), strict=True):
        read = (await ask(record, "GET", f"/{id}")).json()
        assert read["provision"]["period"] == created.json()["provision"]["period"]
        read_by_holder = await ask(record, "GET", f"/{id}", token=professional_token(DOCTOR))
        assert read_by_holder.json()["provision"] == read["provision"]
    assert await holder_ids_found(record) == [DOCTOR, DOCTOR]
    assert (await ask(record, "DELETE", f"/{ids[1]}")).status_code == 202
    assert await holder_ids_found(record) == []
    assert {(await ask(record, "GET", f"/{id}")).status_code for id in ids} == {404}


PERIODS: tuple[tuple[dict[str, str], str, str | None], ...] = (
    ({"start": "2031-03-01", "end": "2031-03-29"}, "2031-03-01T00:00:00+01:00", "2031-03-30T00:00:00+01:00"),
    ({"start": "2031-03-30", "end": "2031-03-30"}, "2031-03-30T00:00:00+01:00", "2031-03-31T00:00:00+02:00"),
    ({"start": "2031-07-01", "end": "2031-12-31"}, "2031-07-01T00:00:00+02:00", "2032-01-01T00:00:00+01:00"),
    ({"start": "2032-02", "end": "2032-02"}, "2032-02-01T00:00:00+01:00", "2032-03-01T00:00:00+01:00"),
    ({"start": "2031", "end": "2031-12"}, "2031-01-01T00:00:00+01:00", "2032-01-01T00:00:00+01:00"),
    ({"start": "2031", "end": "2031"}, "2031-01-01T00:00:00+01:00", "2032-01-01T00:00:00+01:00"),
    ({"start": "2031-01-01T08:00:00Z", "end": "9999-12-31"}, "2031-01-01T08:00:00+00:00", None),
)


async def test_a_date_in_a_period_is_the_whole_day_in_france(api: ConsentApi) -> None:
    for period, start, end in PERIODS:
        record = await api.open_record()
        created = await ask(record, "POST", body=consent(record.id, provision={"period": period}))
        assert created.status_code == 202, created.text
        [authorisation] = await listed_authorisations(record)
        assert datetime.fromisoformat(authorisation["from"]) == datetime.fromisoformat(start), period
        until = authorisation["until"]
        assert (until and datetime.fromisoformat(until)) == (end and datetime.fromisoformat(end)), period


async def test_an_authorisation_that_ends_today_holds_until_midnight_in_france(record: Record) -> None:
    today = clock.now().astimezone(ZoneInfo("Europe/Paris")).date()
    created = await ask(record, "POST", body=consent(record.id, provision={"period": {"end": today.isoformat()}}))
    assert (created.status_code, created.json()["status"]) == (202, "active")
    yesterday = (today - timedelta(days=1)).isoformat()
    late = await ask(record, "POST", body=consent(record.id, provision={"period": {"end": yesterday}}))
    assert late.status_code == 422


async def test_what_is_no_date_of_fhir_is_refused(record: Record) -> None:
    for day in ("2031-02-30", "2031-13", "31-01-01", "0000", "2031-1-1", "2031-01-01T00:00:00"):
        for period in ({"start": day}, {"end": day}):
            created = await ask(record, "POST", body=consent(record.id, provision={"period": period}))
            assert created.status_code == 400, day
    assert (await record.choices())["version"] == 1


@pytest.mark.parametrize("by", ["patient", "representative", "carer"])
async def test_who_ends_an_attestation_for_the_person_is_not_attested_against_again(record: Record, by: str) -> None:
    proxy = uuid4()
    if by != "patient":
        people: dict[str, Any] = {f"{by}s": (person(proxy),)}
        await record.announce_people(**people)
    token = record.holder if by == "patient" else representative(record.id, proxy, by)
    team, other = software_token("software-1", HOSPITAL), software_token("software-2", CLINIC)
    nurse = professional_token("899700000002", "60", HOSPITAL)
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 202
    assert (await record.ask("DELETE", f"attestations/{HOSPITAL}", token=token)).status_code == 202
    assert (await record.choices())["attestation_objections"] == [HOSPITAL]
    for again in (team, nurse):
        refused = await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=again)
        assert refused.status_code == 404
        assert (await record.entries())[-1].reason == "care-team-objected"
    assert (await record.ask("PUT", f"attestations/{CLINIC}", attestation(), token=other)).status_code == 202
    lifted = f"attestation-objections/{HOSPITAL}"
    for stranger in (team, nurse, other):
        assert (await record.ask("DELETE", lifted, token=stranger)).status_code == 403
    assert (await record.ask("DELETE", lifted, token=token)).status_code == 202
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 202


async def test_what_a_structure_ends_itself_it_may_attest_again(record: Record) -> None:
    team = software_token("software-1", HOSPITAL)
    for _ in range(2):
        assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 202
        assert (await record.ask("DELETE", f"attestations/{HOSPITAL}", token=team)).status_code == 202
    assert (await record.choices())["attestation_objections"] == []


async def test_an_attestation_that_a_block_ended_does_not_come_back_with_the_end_of_the_block(record: Record) -> None:
    team = software_token("software-1", HOSPITAL)
    await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)
    await record.ask("PUT", f"blocks/{HOSPITAL}")
    await record.ask("DELETE", f"blocks/{HOSPITAL}")
    assert (await record.ask("PUT", f"attestations/{HOSPITAL}", attestation(), token=team)).status_code == 404
