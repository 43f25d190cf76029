"""Measures through the API: entered, corrected, deleted, read under the same rules as a document, traced, erased."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from services.records.measures.store import entries
from services.records.recovery.steps import recover_documents
from shared.access import Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded, Action, Outcome
from shared.contracts.base import Actor
from shared.contracts.consent import ApplicationChoice
from shared.contracts.topics import ACCESSES
from shared.db.pool import transaction
from shared.erasure.erased_records import ErasureFinisher
from shared.fhir.write import FHIR_JSON
from shared.messaging.outbox.lost import SentRecord
from shared.messaging.outbox.partitions import TopicPartition
from shared.runtime import clock
from tests.infra.erasure.erasing import erase, finish
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting, application, in_mode
from tests.infra.records.records_api import DOCTOR, OTHER_DOCTOR, RecordsApi, as_doctor, as_patient, as_software, named

SOMEBODY = Person(88)
MOTHER, CARER, OTHER_CARER = uuid4(), uuid4(), uuid4()
PRESSURE = {"code": "BLOOD_PRESSURE", "systolic": 131, "diastolic": 82}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[DOCTOR])
    carers = [named(CARER, "carer"), named(OTHER_CARER, "carer")]
    await api.name_people(record_id, 1, representatives=[named(MOTHER)], carers=carers, is_minor=True)
    return record_id


def as_mother(record_id: UUID) -> str:
    return acting("representative", MOTHER, record_id)


def as_carer(record_id: UUID, person: UUID = CARER) -> str:
    return acting("carer", person, record_id)


def days_ago(days: float) -> str:
    return (clock.now() - timedelta(days=days)).isoformat()


def a_weight(value: object = 72.4, days: float = 1, **more: Any) -> dict[str, Any]:
    return {"code": "WEIGHT", "value": value, "measured_at": days_ago(days), **more}


async def send(api: RecordsApi, record: UUID, token: str, body: dict[str, Any]) -> httpx2.Response:
    return await api.client.post(f"/records/{record}/measures", json=body, headers=bearer(token))


async def entered(api: RecordsApi, record: UUID, token: str, body: dict[str, Any]) -> UUID:
    answer = await send(api, record, token, body)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["measure_id"])


async def listed(api: RecordsApi, record: UUID, token: str, query: str = "") -> dict[str, Any]:
    answer = await api.get(f"/records/{record}/measures{query}", token)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


async def numbers(api: RecordsApi, record: UUID, token: str, query: str = "") -> list[float]:
    """Returns the values that a reader finds, newest first."""
    return [measure["value"] for measure in (await listed(api, record, token, query))["measures"]]


async def change(
    api: RecordsApi, verb: str, record: UUID, id: UUID, token: str, body: Any = None, version: str | None = None
) -> httpx2.Response:
    headers = bearer(token) if version is None else {**bearer(token), "if-match": version}
    return await api.client.request(verb, f"/records/{record}/measures/{id}", json=body, headers=headers)


async def accesses(api: RecordsApi) -> list[tuple[str, str, str]]:
    return [(event.action, event.outcome, event.reason) for event in await api.announced(AccessRecorded)]


async def test_the_patient_side_enters_measures_that_an_authorised_doctor_reads_marked_as_theirs(
    api: RecordsApi, record: UUID
) -> None:
    await entered(api, record, as_patient(record), a_weight(73, 9))
    await entered(api, record, as_mother(record), a_weight(72.5, 5, comment="à jeun"))
    await entered(api, record, as_carer(record), a_weight(71.5, 1))
    await entered(api, record, as_patient(record), {**PRESSURE, "measured_at": days_ago(2)})
    seen = await listed(api, record, as_doctor(), "?code=WEIGHT")
    assert [(measure["value"], measure["entered_by"]) for measure in seen["measures"]] == [
        (71.5, "carer"),
        (72.5, "representative"),
        (73.0, "patient"),
    ]
    [trend] = seen["trends"]
    assert (trend["count"], trend["change"], trend["last"]["value"], trend["unit"]) == (3, -1.5, 71.5, "kg")
    everything = await listed(api, record, as_doctor(), f"?from={(clock.now() - timedelta(days=3)).date()}&limit=1")
    assert (everything["total"], len(everything["measures"]), everything["is_complete"]) == (2, 1, True)
    assert {trend["code"] for trend in everything["trends"]} == {
        "WEIGHT",
        "SYSTOLIC_BLOOD_PRESSURE",
        "DIASTOLIC_BLOOD_PRESSURE",
    }


async def test_a_body_mass_index_is_computed_when_it_is_read(api: RecordsApi, record: UUID) -> None:
    await entered(api, record, as_patient(record), {"code": "HEIGHT", "value": 150, "measured_at": days_ago(40)})
    weight = await entered(api, record, as_patient(record), a_weight(45, 1))
    query = f"?code=BODY_MASS_INDEX&from={(clock.now() - timedelta(days=5)).date()}"
    seen = await listed(api, record, as_patient(record), query)
    assert [(point["value"], point["measure_id"]) for point in seen["points"]] == [(20.0, str(weight))]
    assert (seen["measures"], seen["total"], seen["trends"][0]["count"]) == ([], 1, 1)


async def test_the_same_measure_is_entered_once_and_can_be_entered_again_when_it_was_deleted(
    api: RecordsApi, record: UUID
) -> None:
    token, body = as_patient(record), a_weight()
    first, again = (await send(api, record, token, body)).json(), (await send(api, record, token, body)).json()
    assert first["measure_id"] == again["measure_id"]
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert [action for action, *_ in await accesses(api)] == ["add-measure"]
    assert (await change(api, "DELETE", record, UUID(first["measure_id"]), token)).status_code == 204
    assert (await send(api, record, token, body)).json()["is_new"]
    assert await numbers(api, record, token) == [72.4]


async def test_a_correction_is_a_version_and_the_earlier_one_stays_visible(api: RecordsApi, record: UUID) -> None:
    token = as_patient(record)
    id = await entered(api, record, token, a_weight(724 / 2))
    assert (await change(api, "PUT", record, id, token, a_weight(72.4), '"1"')).status_code == 204
    late = await change(api, "PUT", record, id, token, a_weight(70), '"1"')
    assert (late.status_code, late.json()["code"]) == (412, "version-differs")
    assert (await change(api, "PUT", record, id, token, a_weight(70), "one")).json()["code"] == "version-invalid"
    other_kind = await change(api, "PUT", record, id, token, {**PRESSURE, "measured_at": days_ago(1)})
    assert (other_kind.status_code, other_kind.json()["code"]) == (422, "measure-kind-differs")
    answer = await api.get(f"/records/{record}/measures/{id}", as_doctor())
    assert [(each["version"], each["value"]) for each in answer.json()["versions"]] == [(2, 72.4), (1, 362.0)]
    assert answer.headers["etag"] == '"2"'
    assert await numbers(api, record, as_doctor()) == [72.4]


async def test_a_carer_changes_the_own_measures_alone_and_others_of_the_patient_side_all(
    api: RecordsApi, record: UUID
) -> None:
    holders = await entered(api, record, as_patient(record), a_weight(70, 3))
    carers = await entered(api, record, as_carer(record), a_weight(71, 2))
    for verb, body in (("PUT", a_weight(69)), ("DELETE", None)):
        refused = await change(api, verb, record, holders, as_carer(record), body)
        assert (refused.status_code, "not-own-document" in refused.text) == (403, True)
        assert (await change(api, verb, record, carers, as_carer(record, OTHER_CARER), body)).status_code == 403
    assert (await change(api, "PUT", record, carers, as_carer(record), a_weight(71.5, 2))).status_code == 204
    assert (await change(api, "DELETE", record, carers, as_mother(record))).status_code == 204
    assert (await change(api, "DELETE", record, holders, as_patient(record), None, '"1"')).status_code == 204
    assert await numbers(api, record, as_patient(record)) == []
    for id in (holders, carers):
        assert (await api.get(f"/records/{record}/measures/{id}", as_patient(record))).status_code == 404
        assert (await change(api, "DELETE", record, id, as_patient(record))).status_code == 404


async def test_nobody_else_enters_corrects_or_deletes_one(api: RecordsApi, record: UUID) -> None:
    id = await entered(api, record, as_patient(record), a_weight())
    others = (as_doctor(), as_software(), application(), make_token("administrator", "admin-1"))
    for token in others:
        assert (await send(api, record, token, a_weight(5))).status_code == 403
        assert (await change(api, "PUT", record, id, token, a_weight(5))).status_code == 403
        assert (await change(api, "DELETE", record, id, token)).status_code == 403
    for token in (as_patient(uuid4()), as_carer(record, uuid4())):
        refused, missing = await send(api, record, token, a_weight()), await send(api, uuid4(), token, a_weight())
        assert refused.status_code == missing.status_code == 404
        assert refused.content == missing.content
        assert (await change(api, "DELETE", record, id, token)).status_code == 404
    assert await numbers(api, record, as_patient(record)) == [72.4]


async def test_who_may_not_read_finds_nothing_and_the_section_hides_measures_with_the_profile(
    api: RecordsApi, record: UUID
) -> None:
    id = await entered(api, record, as_patient(record), a_weight())
    path = f"/records/{record}/measures"
    expected = {
        as_doctor(OTHER_DOCTOR): 404,
        as_patient(uuid4()): 404,
        as_software(): 403,
        make_token("administrator", "admin-1"): 403,
        professional_token(DOCTOR, "R94_99"): 403,
        application(): 404,
        in_mode("bris_de_glace", record): 200,
    }
    assert {token: (await api.get(path, token)).status_code for token in expected} == expected
    assert (await api.get(f"/records/{uuid4()}/measures", as_doctor())).status_code == 404
    await api.choose(record, 2, authorised=[DOCTOR], hidden_sections=["SYNTH_PML"])
    assert await numbers(api, record, as_doctor()) == []
    assert (await api.get(f"{path}/{id}", as_doctor())).status_code == 404
    assert await numbers(api, record, as_mother(record)) == [72.4]
    await api.choose(record, 3, applications=[ApplicationChoice(application_id="app-1", sections=("SYNTH_PML",))])
    assert await numbers(api, record, application()) == [72.4]


async def test_a_masked_measure_is_neither_listed_nor_counted_nor_computed_with(api: RecordsApi, record: UUID) -> None:
    token = as_patient(record)
    await entered(api, record, token, a_weight(45, 2))
    without = await listed(api, record, as_doctor())
    height = {"code": "HEIGHT", "value": 150, "measured_at": days_ago(3)}
    id = await entered(api, record, token, {**height, "masked": True})
    masked_weight = await entered(api, record, token, a_weight(46, 1, masked=True))
    assert await listed(api, record, as_doctor()) == without, "not a byte tells of it"
    assert (await listed(api, record, as_doctor(), "?code=BODY_MASS_INDEX"))["points"] == []
    assert (await api.get(f"/records/{record}/measures/{id}", as_doctor())).status_code == 404
    assert len((await listed(api, record, as_carer(record)))["measures"]) == 3
    assert (await change(api, "PUT", record, masked_weight, token, a_weight(46, 1))).status_code == 204
    assert len((await listed(api, record, as_doctor()))["measures"]) == 1, "a correction keeps the mask"
    assert (await change(api, "PUT", record, id, token, {**height, "masked": False})).status_code == 204
    assert [
        point["value"] for point in (await listed(api, record, as_doctor(), "?code=BODY_MASS_INDEX"))["points"]
    ] == [20.0]
    hidden_again = await change(api, "PUT", record, id, token, {**height, "masked": True})
    assert hidden_again.status_code == 204
    assert (await api.get(f"/records/{record}/measures/{id}", as_doctor())).status_code == 404, "nor earlier versions"


async def test_new_measures_are_masked_where_the_person_wants_it_or_the_choice_is_not_known(
    api: RecordsApi, record: UUID
) -> None:
    await api.choose(record, 2, authorised=[DOCTOR], mask_new_documents=True)
    await entered(api, record, as_carer(record), a_weight(70, 2))
    await api.choose(record, 3, authorised=[DOCTOR])
    assert await numbers(api, record, as_doctor()) == []
    await api.pool.execute("update consent_states set state = state - 'mask_new_documents'")
    await entered(api, record, as_carer(record), a_weight(71, 1))
    assert await numbers(api, record, as_doctor()) == []
    assert await numbers(api, record, as_carer(record)) == [71.0, 70.0]


async def test_a_minors_measure_is_read_in_a_secret_connection_and_an_adults_is_not(
    api: RecordsApi, record: UUID
) -> None:
    await api.choose(record, 2, authorised=[OTHER_DOCTOR])
    await entered(api, record, as_patient(record), a_weight())
    assert await numbers(api, record, in_mode("secret", record)) == [72.4]
    await api.name_people(record, 2, is_minor=False)
    assert (await api.get(f"/records/{record}/measures", in_mode("secret", record))).status_code == 404


async def test_everything_is_traced_and_can_be_decided_again(api: RecordsApi, record: UUID) -> None:
    id = await entered(api, record, as_patient(record), a_weight())
    await listed(api, record, as_doctor())
    await api.get(f"/records/{record}/measures", as_doctor(OTHER_DOCTOR))
    await api.get(f"/records/{record}/measures/{id}", as_doctor())
    await change(api, "PUT", record, id, as_carer(record), a_weight(1))
    await change(api, "PUT", record, id, as_patient(record), a_weight(73))
    await change(api, "DELETE", record, id, as_mother(record))
    assert await accesses(api) == [
        ("add-measure", "permitted", "own-document"),
        ("read-measures", "permitted", "authorised"),
        ("read-measures", "refused", "not-authorised"),
        ("read-measures", "permitted", "authorised"),
        ("correct-measure", "refused", "not-own-document"),
        ("correct-measure", "permitted", "patient-side"),
        ("delete-measure", "permitted", "patient-side"),
    ]
    for event in await api.announced(AccessRecorded):
        assert isinstance(decide(decode_facts(event.facts)), Permit) is (event.outcome == "permitted")
        assert "72" not in event.model_dump_json(include={"facts", "combinations", "subject_id", "document_id"})
        assert event.document_id is None


async def test_a_closed_record_takes_nothing_and_says_so_to_the_holder_alone(api: RecordsApi, record: UUID) -> None:
    await entered(api, record, as_patient(record), a_weight())
    await api.open_record(SOMEBODY, status="closed", record_id=record)
    holder, carer = (
        await send(api, record, as_patient(record), a_weight(5)),
        await send(api, record, as_carer(record), a_weight(5)),
    )
    assert (holder.status_code, holder.json()["code"]) == (422, "record-closed")
    assert (carer.status_code, carer.json()["code"]) == (404, "not-found")
    assert await numbers(api, record, as_patient(record)) == [72.4]


async def test_on_old_copies_only_the_holder_goes_on(api: RecordsApi, record: UUID) -> None:
    await api.be_fresh(clock.now() - timedelta(hours=1))
    assert (await send(api, record, as_patient(record), a_weight())).status_code == 201
    for token in (as_carer(record), as_doctor()):
        assert (await api.get(f"/records/{record}/measures", token)).status_code == 503
    assert (await send(api, record, as_carer(record), a_weight(5))).status_code == 503


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"value": 7240}, "measure-out-of-range"),
        ({"value": -1}, "measure-out-of-range"),
        ({"unit": "g"}, "measure-unit-differs"),
        ({"systolic": 120}, "measure-parts-invalid"),
        ({"code": "MOOD"}, "measure-code-unknown"),
        ({"measured_at": "2999-01-01T00:00:00Z"}, "measured-in-future"),
        ({"value": "a lot"}, "invalid"),
        ({"value": "NaN"}, "invalid"),
        ({"value": None, "number": 5}, "invalid"),
        ({"measured_at": "2026-11-27"}, "invalid"),
        ({"comment": "x" * 501}, "invalid"),
        ({"entered_by": "professional"}, "invalid"),
    ],
)
async def test_what_cannot_be_is_refused_in_both_languages(
    api: RecordsApi, record: UUID, fields: dict[str, Any], code: str
) -> None:
    answer = await send(api, record, as_patient(record), {**a_weight(), **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    french = await api.client.post(
        f"/records/{record}/measures",
        json={**a_weight(), **fields},
        headers={**bearer(as_patient(record)), "accept-language": "fr"},
    )
    assert french.json()["detail"] != answer.json()["detail"]
    assert await accesses(api) == []


async def test_a_day_takes_so_many_measures_and_no_more(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_A_DAY", 2)
    at = f"{(clock.now() - timedelta(days=2)).date()}T12:0"
    for minute in range(2):
        await entered(api, record, as_patient(record), {**a_weight(), "measured_at": f"{at}{minute}:00Z"})
    full = await send(api, record, as_patient(record), {**a_weight(), "measured_at": f"{at}5:00Z"})
    assert (full.status_code, full.json()["code"]) == (409, "too-many-measures")
    await entered(api, record, as_patient(record), a_weight())


async def test_measures_come_and_go_as_observations(api: RecordsApi, record: UUID) -> None:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{record}"},
        "effectiveDateTime": days_ago(1),
        "valueQuantity": {"value": 71.5, "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    headers = {**bearer(as_patient(record)), "content-type": FHIR_JSON}
    answer = await api.client.post("/fhir/Observation", json=resource, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(answer.json()["id"])
    read = await api.get(f"/fhir/Observation/{answer.json()['id']}", as_doctor())
    assert (read.json(), read.headers["etag"]) == (answer.json(), 'W/"1"')
    await entered(api, record, as_patient(record), a_weight(70, 3))
    day = (clock.now() - timedelta(days=2)).date()
    for query, total in (
        ("code=29463-7", 2),
        ("code=http://loinc.org|29463-7&_count=1&_sort=-date", 2),
        (f"date=ge{day}&date=le2999-01-01", 1),
        ("code=8867-4", 0),
        ("code=11488-4", 0),
    ):
        page = (await api.get(f"/fhir/Observation?patient={record}&{query}", as_doctor())).json()
        assert page["total"] == total, query
        assert ("next" in [link["relation"] for link in page["link"]]) is ("_count=1" in query)
    refused = await api.client.post("/fhir/Observation", json={**resource, "status": "amended"}, headers=headers)
    assert (refused.status_code, refused.json()["resourceType"]) == (422, "OperationOutcome")
    for token in (as_doctor(OTHER_DOCTOR), as_patient(uuid4())):
        empty = (await api.get(f"/fhir/Observation?patient={record}", token)).json()
        assert (empty["total"], "entry" in empty) == (0, False)
        assert (await api.get(f"/fhir/Observation/{answer.json()['id']}", token)).status_code == 404
    for query in ("date=2026", "date=gt2026-01-01", "_count=0", "patient=x", "status=final", "date=1&date=2&date=3"):
        assert (await api.get(f"/fhir/Observation?patient={record}&{query}", as_doctor())).status_code == 400, query


@pytest.mark.parametrize(
    ("action", "outcome", "masked"),
    [
        ("correct-measure", "permitted", True),
        ("delete-measure", "permitted", True),
        ("delete-measure", "refused", False),
        ("add-measure", "permitted", False),
    ],
)
async def test_after_lost_commits_a_mask_or_deletion_that_is_not_known_any_more_shows_nothing(
    api: RecordsApi, record: UUID, action: Action, outcome: Outcome, masked: bool
) -> None:
    await entered(api, record, as_patient(record), a_weight())
    actor = Actor(kind="patient", id=str(record))
    event = AccessRecorded(record_id=record, actor=actor, action=action, outcome=outcome, reason="patient-side")
    place = TopicPartition(ACCESSES["records"].name, 0)
    lost = SentRecord(place, 7, str(record), uuid4(), event.ce_type, event.model_dump_json().encode())
    async with transaction(api.pool) as connection:
        await recover_documents(connection, [lost])
    assert await numbers(api, record, as_doctor()) == ([] if masked else [72.4])
    assert await numbers(api, record, as_patient(record)) == [72.4]


async def test_an_erasure_removes_every_version(api: RecordsApi, record: UUID) -> None:
    token = as_patient(record)
    id = await entered(api, record, token, a_weight())
    await change(api, "PUT", record, id, token, a_weight(73))
    await change(api, "DELETE", record, id, token)
    await entered(api, record, token, a_weight(74))
    assert await api.pool.fetchval("select count(*) from measures") == 3
    await erase(api.pool, erase_record, record)
    await finish(api.pool, ErasureFinisher("records", remove_rows), record)
    assert await api.pool.fetchval("select count(*) from measures") == 0
    assert (await send(api, record, token, a_weight(75))).status_code == 404
    assert (await api.get(f"/records/{record}/measures", token)).status_code == 404
