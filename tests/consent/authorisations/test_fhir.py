"""Authorisations as FHIR R4 Consent: created by an explicit act, searched, ended; errors as OperationOutcome."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from shared.http import constant_time
from shared.runtime import clock
from tests.infra.consent.consent_api import Record
from tests.infra.http.tokens import (
    bearer,
    make_token,
    operator_token,
    patient_token,
    professional_token,
    software_token,
)

DOCTOR, NURSE, HOSPITAL = "899700000001", "899700000002", "1750000001"
PROFESSIONAL, STRUCTURE = "urn:oid:1.2.250.1.71.4.2.1", "urn:oid:1.2.250.1.71.4.2.2"


def consent(record_id: UUID, holder: str = DOCTOR, system: str = PROFESSIONAL, **changes: Any) -> dict[str, Any]:
    provision = {
        "type": "permit",
        "actor": [
            {
                "role": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]
                },
                "reference": {"identifier": {"system": system, "value": holder}},
            }
        ],
    }
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{record_id}"},
        "provision": provision | changes.pop("provision", {}),
        **changes,
    }


async def ask(
    record: Record, method: str, path: str = "", body: Any = None, token: str | None = None, **options: Any
) -> httpx2.Response:
    headers = {**bearer(token or record.holder), **options.pop("headers", {})}
    if body is not None:
        options |= {"content": body if isinstance(body, bytes) else orjson.dumps(body)}
        headers["content-type"] = "application/fhir+json"
    return await record.api.client.request(method, f"/fhir/Consent{path}", headers=headers, **options)


def code_of(answer: httpx2.Response) -> str:
    assert answer.headers["content-type"].startswith("application/fhir+json")
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    code: str = outcome["issue"][0]["details"]["coding"][0]["code"]
    return code


async def holder_ids_found(record: Record, token: str | None = None, **parameters: str) -> list[str]:
    params = {"patient": f"Patient/{record.id}", **parameters}
    got = await ask(record, "GET", token=token, params=params)
    posted = await ask(record, "POST", "/_search", token=token, data=params)
    assert (got.status_code, got.content) == (200, posted.content)
    entries = got.json().get("entry", [])
    assert (got.json()["resourceType"], got.json()["total"]) == ("Bundle", len(entries))
    return [entry["resource"]["provision"]["actor"][0]["reference"]["identifier"]["value"] for entry in entries]


async def test_a_search_that_finds_nothing_is_answered_at_the_pace_of_a_record_that_is_not_there(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def note(moment: float) -> None:
        waits.append(moment)

    monkeypatch.setattr(constant_time, "wait_until", note)
    doctor = professional_token(DOCTOR)
    ids = record.id, uuid4()
    answers = [await ask(record, "GET", token=doctor, params={"patient": f"Patient/{id}"}) for id in ids]
    present, absent = (answer.content.replace(str(id).encode(), b"") for answer, id in zip(answers, ids, strict=True))
    assert (present, len(waits)) == (absent, 2)
    assert (await record.ask("PUT", f"authorisations/{DOCTOR}")).status_code == 202
    waits.clear()
    assert await holder_ids_found(record, doctor) == [DOCTOR]
    assert waits == []


async def test_an_authorisation_is_created_found_read_changed_and_ended(record: Record) -> None:
    end = (clock.now() + timedelta(days=30)).isoformat()
    created = await ask(record, "POST", body=consent(record.id, provision={"period": {"end": end}}))
    assert created.status_code == 202
    assert created.headers["etag"] == 'W/"2"'
    id = created.json()["id"]
    assert created.headers["location"] == f"http://consent/fhir/Consent/{id}"
    [authorisation] = (await record.choices())["authorisations"]
    assert (authorisation["holder_id"], authorisation["how"], authorisation["given_by"]) == (
        DOCTOR,
        "online",
        "patient",
    )
    assert (await ask(record, "GET", f"/{id}")).json() == created.json()
    assert await holder_ids_found(record) == [DOCTOR]

    unlimited = await ask(record, "PUT", f"/{id}", consent(record.id, id=id))
    assert (unlimited.status_code, "end" in unlimited.json()["provision"]["period"]) == (202, False)
    ended = await ask(record, "PUT", f"/{id}", consent(record.id, id=id, status="inactive"))
    assert (ended.status_code, ended.json()["status"]) == (202, "inactive")
    assert await holder_ids_found(record) == []
    assert (await ask(record, "GET", f"/{id}")).status_code == 404
    assert (await ask(record, "DELETE", f"/{id}")).status_code == 202
    assert [entry.action for entry in await record.entries()] == ["authorise-professional"] * 2 + ["end-authorisation"]


async def test_an_authorisation_that_has_ended_stays_found_as_inactive_when_other_things_change(record: Record) -> None:
    end = (clock.now() + timedelta(days=30)).isoformat()
    id = (await ask(record, "POST", body=consent(record.id, provision={"period": {"end": end}}))).json()["id"]
    [authorisation] = (await record.choices())["authorisations"]
    ended = "update consent_states set choices = replace(choices::text, $1, $2)::jsonb"
    await record.api.pool.execute(ended, authorisation["until"], (clock.now() - timedelta(days=1)).isoformat())
    await record.ask("PUT", f"blocks/{NURSE}")
    for token in (record.holder, professional_token(DOCTOR)):
        assert (await ask(record, "GET", f"/{id}", token=token)).json()["status"] == "inactive"
        assert await holder_ids_found(record, token, status="inactive") == [DOCTOR]
        assert await holder_ids_found(record, token, status="active") == []


async def test_what_is_in_force_is_201_and_204(record: Record) -> None:
    created = await ask(record, "POST", body=consent(record.id))
    await record.put_in_force(2)
    again = await ask(record, "POST", body=consent(record.id))
    assert (again.status_code, again.json()["id"]) == (201, created.json()["id"])
    await record.ask("PUT", f"authorisations/{NURSE}")
    await record.put_in_force(3)
    assert (await ask(record, "DELETE", f"/{record.id.hex}.{HOSPITAL}")).status_code == 204


async def test_a_professional_creates_the_own_with_the_card_and_each_finds_only_what_is_theirs(record: Record) -> None:
    with_card = make_token("professional", DOCTOR, profession="10", patient_present=record.id)
    assert code_of(await ask(record, "POST", body=consent(record.id), token=professional_token(DOCTOR))) == (
        "change-not-permitted"
    )
    assert (await ask(record, "POST", body=consent(record.id, NURSE), token=with_card)).status_code == 403
    assert (await ask(record, "POST", body=consent(record.id), token=with_card)).status_code == 202
    await ask(record, "POST", body=consent(record.id, HOSPITAL, STRUCTURE))
    assert await holder_ids_found(record) == [HOSPITAL, DOCTOR]
    assert await holder_ids_found(record, actor=f"{STRUCTURE}|{HOSPITAL}") == [HOSPITAL]
    assert await holder_ids_found(record, status="inactive") == []
    assert await holder_ids_found(record, professional_token(DOCTOR)) == [DOCTOR]
    assert await holder_ids_found(record, professional_token(NURSE)) == []
    assert await holder_ids_found(record, software_token("software-1", HOSPITAL)) == [HOSPITAL]
    missing = Record(record.api, uuid4())
    assert await holder_ids_found(missing, professional_token(DOCTOR)) == []
    for token, status in ((patient_token(uuid4()), 404), (operator_token(), 403)):
        answer = await ask(record, "GET", token=token, params={"patient": str(record.id)})
        assert (answer.status_code, code_of(answer)) == (status, "not-found" if status == 404 else "forbidden")


async def test_a_professional_does_not_learn_from_the_own_authorisation_what_else_is_chosen(record: Record) -> None:
    id, token = f"{record.id.hex}.{DOCTOR}", professional_token(DOCTOR)
    await ask(record, "POST", body=consent(record.id))
    before = await ask(record, "GET", f"/{id}", token=token)
    await record.ask("PUT", f"blocks/{NURSE}")
    after = await ask(record, "GET", f"/{id}", token=token)
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    since = (await record.choices())["authorisations"][0]["from"]
    assert datetime.fromisoformat(after.json()["meta"]["lastUpdated"]) == datetime.fromisoformat(since)
    mine = await ask(record, "GET", f"/{id}")
    assert (mine.headers["etag"], mine.json()["meta"]["versionId"]) == ('W/"3"', "3")
    end = (clock.now() + timedelta(days=3)).isoformat()
    with_card = make_token("professional", DOCTOR, profession="10", patient_present=record.id)
    body = consent(record.id, id=id, provision={"period": {"end": end}})
    moved = await ask(record, "PUT", f"/{id}", body, token=with_card, headers={"if-match": after.headers["etag"]})
    assert moved.status_code == 202
    assert moved.headers["etag"] == f'W/"{moved.json()["meta"]["versionId"]}"' != after.headers["etag"]


async def test_of_a_closed_record_a_professional_finds_nothing_and_the_holder_all(record: Record) -> None:
    await ask(record, "POST", body=consent(record.id))
    await record.api.pool.execute("update record_copies set status = 'closed'")
    assert await holder_ids_found(record, professional_token(DOCTOR)) == []
    assert (await ask(record, "GET", f"/{record.id.hex}.{DOCTOR}", token=professional_token(DOCTOR))).status_code == 404
    assert await holder_ids_found(record) == [DOCTOR]


async def test_who_was_not_the_first_is_told_the_present_version(record: Record) -> None:
    await record.ask("PUT", f"blocks/{NURSE}")
    late = await ask(record, "POST", body=consent(record.id), headers={"if-match": 'W/"1"', "accept-language": "fr"})
    assert (late.status_code, code_of(late), late.headers["etag"]) == (412, "version-differs", 'W/"2"')
    assert late.headers["content-language"] == "fr"
    assert "entre-temps" in late.text
    again = await ask(record, "POST", body=consent(record.id), headers={"if-match": late.headers["etag"]})
    assert again.status_code == 202


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "proposed"},
        {"status": "inactive"},
        {"scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}},
        {"patient": {"reference": "Patient/Dupont"}},
        {"provision": {"type": "deny"}},
        {"provision": {"actor": []}},
        {"provision": {"securityLabel": [{"code": "R"}]}},
        {"provision": {"period": {"end": "2030-01-01T00:00:00"}}},
        {"provision": {"provision": [{"type": "deny"}]}},
        {"modifierExtension": [{"url": "https://dmp.example/not"}]},
    ],
)
async def test_what_says_more_or_else_than_an_authorisation_is_refused(record: Record, changes: dict[str, Any]) -> None:
    answer = await ask(record, "POST", body=consent(record.id, **changes))
    assert (answer.status_code, code_of(answer)) == (400, "consent-invalid")
    assert (await record.choices())["version"] == 1


XML = {"accept": "application/fhir+xml"}
REVERSED = {"period": {"start": "2199-03-12T14:00:00Z", "end": "2199-03-11"}}


async def test_a_search_says_what_it_used(record: Record) -> None:
    await ask(record, "POST", body=consent(record.id))
    for patient in (str(record.id), f"Patient/{record.id}", f"http://consent/fhir/Patient/{record.id}"):
        answer = await ask(record, "GET", params={"patient": patient, "status": "active", "_pretty": "true"})
        link = f"http://consent/fhir/Consent?patient=Patient%2F{record.id}&status=active"
        assert (answer.json()["total"], answer.json()["link"]) == (1, [{"relation": "self", "url": link}])
    elsewhere = await ask(record, "GET", params={"patient": f"http://elsewhere/fhir/Patient/{record.id}"})
    assert (elsewhere.status_code, code_of(elsewhere)) == (400, "search-invalid")


async def test_refusals_are_operation_outcomes(record: Record) -> None:
    await record.ask("PUT", f"blocks/{DOCTOR}")
    past = consent(record.id, NURSE, provision={"period": {"end": "2020-01-01T00:00:00Z"}})
    conditional: dict[str, Any] = {"headers": {"if-match": 'W/"1"'}}
    for answer, status, code in (
        (await ask(record, "POST", body=consent(record.id)), 409, "professional-blocked"),
        (await ask(record, "POST", body=past), 422, "period-invalid"),
        (await ask(record, "POST", body=consent(record.id, NURSE, provision=REVERSED)), 422, "period-invalid"),
        (
            await ask(
                record,
                "PUT",
                f"/{record.id.hex}.{NURSE}",
                consent(record.id, NURSE, status="inactive", provision=REVERSED),
            ),
            422,
            "period-invalid",
        ),
        (await ask(record, "GET", params={"patient": str(record.id), "_format": "xml"}), 406, "not-acceptable"),
        (await ask(record, "GET", f"/{record.id.hex}.{NURSE}", headers=XML), 406, "not-acceptable"),
        (await ask(record, "POST", body=b"{"), 400, "consent-invalid"),
        (await ask(record, "POST", body=consent(record.id, NURSE), **conditional), 412, "version-differs"),
        (await ask(record, "PUT", "/other", consent(record.id)), 404, "not-found"),
        (await ask(record, "PUT", f"/{record.id.hex}.{NURSE}", consent(record.id)), 400, "consent-invalid"),
        (await ask(record, "GET", params={"patient": "Dupont"}), 400, "search-invalid"),
        (await ask(record, "POST", "/_search", data={"patient": str(record.id), "status": "x"}), 400, "search-invalid"),
        (await ask(record, "GET"), 422, "invalid"),
    ):
        assert (answer.status_code, code_of(answer)) == (status, code)
