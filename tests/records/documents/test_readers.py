"""Who asks and how: representatives, carers, applications, emergencies; and TD0.2, which tells no more than it may."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.copies.steps import apply_matrix_copies
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import MatrixChanged
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.records.mixes import acting, application, in_mode
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    codes,
    ins_of,
    named,
)

SOMEBODY, NOBODY = Person(88), Person(89)
STRANGER = "899900000042"
AGED = "update copy_watermarks set at = at - interval '5 minutes'"


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    return record_id


async def status(api: RecordsApi, document: UUID, token: str) -> int:
    return (await api.get(f"/fhir/Binary/{document}", token)).status_code


async def accesses(api: RecordsApi) -> list[AccessRecorded]:
    return await api.announced(AccessRecorded)


async def test_a_representative_and_a_carer_read_while_identity_names_them(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    for version, (kind, people) in enumerate((("representative", "representatives"), ("carer", "carers")), 1):
        person = uuid4()
        token = acting(kind, person, record)
        assert await status(api, document, token) == 404, "a token alone is not enough"
        await api.name_people(record, version * 3, **{people: [named(person)]})
        assert await status(api, document, token) == 200
        event = (await accesses(api))[-1]
        assert (event.actor.kind, event.actor.id, event.reason, event.state_version) == (kind, str(person), kind, 1)
        assert event.seen["identity.people.v1"] == version * 3
        await api.name_people(record, version * 3 + 1, **{people: [named(person, until=clock.now())]})
        assert await status(api, document, token) == 404
        await api.name_people(record, version * 3 + 2)


async def test_old_people_stop_who_acts_for_another_and_nobody_else(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    mother = uuid4()
    await api.name_people(record, 1, representatives=[named(mother)])
    await api.choose(record, 2, authorised=[OTHER_DOCTOR])
    await api.pool.execute(
        "update copy_watermarks set at = $1 where topic = 'identity.people.v1'", clock.now() - timedelta(minutes=5)
    )
    assert await status(api, document, acting("representative", mother, record)) == 503
    assert await status(api, uuid4(), acting("representative", mother, record)) == 503
    assert await status(api, document, as_doctor(OTHER_DOCTOR)) == 200
    assert await status(api, document, as_patient(record)) == 200


async def test_an_application_reads_the_sections_it_was_given(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    assert await status(api, document, application()) == 404
    await api.choose(record, 2, applications=[{"application_id": "app-1", "sections": ["CPT_REND"]}])
    assert await status(api, document, application()) == 200
    assert await status(api, document, application("app-2")) == 404
    await api.choose(record, 3, applications=[{"application_id": "app-1", "sections": ["BIOLOGIE"]}])
    assert await status(api, document, application()) == 404


@pytest.mark.parametrize(("mode", "purpose"), [("bris_de_glace", "BTG"), ("centre_15", "ETREAT")])
async def test_an_emergency_opens_is_flagged_in_every_answer_and_its_motive_goes_sealed_to_the_ledger(
    api: RecordsApi, record: UUID, mode: str, purpose: str
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    token = in_mode(mode, record, STRANGER)
    assert await status(api, document, professional_token(STRANGER)) == 404
    read = await api.get(f"/fhir/Binary/{document}", token)
    assert (read.status_code, read.headers["x-access-mode"]) == (200, mode)
    event = (await accesses(api))[-1]
    assert (event.mode, event.motive) == (mode, "sealed.motive")
    assert event.session_id is not None
    searchset = await api.search(token, patient=str(record), status="current")
    assert searchset.headers["x-access-mode"] == mode
    assert [label["code"] for label in searchset.json()["meta"]["security"]] == [purpose]
    single = await api.get(f"/fhir/DocumentReference/{document}", token)
    assert [label["code"] for label in single.json()["meta"]["security"]] == [purpose]
    missing = await api.get(f"/fhir/Binary/{uuid4()}", token)
    assert (missing.status_code, missing.headers["x-access-mode"]) == (404, mode)
    normal = await api.get(f"/fhir/Binary/{document}", as_patient(record))
    assert "x-access-mode" not in normal.headers
    assert (await accesses(api))[-1].motive is None


async def test_of_a_deceased_person_nobody_reads_nor_in_an_emergency(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, authorised=[DOCTOR])
    tokens = [as_patient(record), as_doctor(DOCTOR), as_software(), in_mode("bris_de_glace", record, STRANGER)]
    assert [await status(api, document, token) for token in tokens] == [200] * 4
    await api.open_record(SOMEBODY, record_id=record, status="deceased")
    assert [await status(api, document, token) for token in tokens] == [404] * 4
    assert {event.reason for event in (await accesses(api))[-4:]} == {"holder-deceased"}
    searchset = await api.search(as_patient(record), patient=str(record), status="current")
    assert searchset.json()["total"] == 0
    assert (await accesses(api))[-1].reason == "holder-deceased"
    await api.open_record(SOMEBODY, record_id=record)
    assert [await status(api, document, token) for token in tokens] == [200] * 4


async def test_an_opposed_emergency_answers_as_if_there_were_nothing(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, emergency={"break_glass": False, "regulation_centre": False})
    for mode in ("bris_de_glace", "centre_15"):
        hidden, missing = [
            await api.get(f"/fhir/Binary/{document_id}", in_mode(mode, record, STRANGER))
            for document_id in (document, uuid4())
        ]
        assert (hidden.status_code, hidden.content) == (404, missing.content)
        assert hidden.headers["x-access-mode"] == missing.headers["x-access-mode"]
        assert (await accesses(api))[-1].reason == "emergency-opposed"


async def test_masked_documents_open_in_an_emergency_only_where_that_was_permitted(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))
    assert await status(api, document, in_mode("bris_de_glace", record, STRANGER)) == 404
    await api.choose(record, 2, emergency={"masked_documents": True}, hidden_sections=["CPT_REND"])
    assert await status(api, document, in_mode("bris_de_glace", record, STRANGER)) == 200


async def test_the_attending_doctor_and_the_care_team_read(api: RecordsApi, record: UUID) -> None:
    [plain, masked] = await api.publish(
        a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"masked", labels=("N", "MASQUE_PS"))
    )
    team = professional_token(STRANGER, organisation_id=CLINIC)
    attested = {"holder_id": CLINIC, "from": clock.now() - timedelta(hours=1), "how": "care-team"}
    await api.choose(record, 2, attending_doctors=[OTHER_DOCTOR], authorisations=[attested])
    assert [await status(api, document_id, as_doctor(OTHER_DOCTOR)) for document_id in (plain, masked)] == [200, 200]
    assert [await status(api, document_id, team) for document_id in (plain, masked)] == [200, 404]
    await api.choose(record, 3, authorisations=[attested], care_team_objected=True)
    assert [await status(api, plain, national_id) for national_id in (as_doctor(OTHER_DOCTOR), team)] == [404, 404]


async def test_the_matrix_in_force_is_the_one_with_the_latest_date_that_has_come(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, authorised=[OTHER_DOCTOR])
    doctor, now = as_doctor(OTHER_DOCTOR), clock.now()

    async def know(name: str, version: int, active_from: Any, **lists: Any) -> None:
        event = MatrixChanged(
            name=name,
            version=version,
            active_from=active_from,
            **{"allowed": {}, "denied": {}, "allowed_by_default": {}, **lists},
        )
        async with transaction(api.pool) as connection:
            await apply_matrix_copies(connection, [message(event)])

    await know("to-come", 1, now + timedelta(days=1))
    await know("not-activated", 1, None)
    assert await status(api, document, doctor) == 200
    await know("stricter", 1, now - timedelta(seconds=1))
    assert await status(api, document, doctor) == 404
    event = (await accesses(api))[-1]
    assert (event.reason, event.matrix) == ("not-in-matrix", "stricter")
    await know("stricter", 2, now - timedelta(seconds=1), allowed={"G15_10": ["11488-4"]})
    assert await status(api, document, doctor) == 200


@pytest.mark.parametrize(
    "happened",
    [
        "insert into broken_copies (topic, key, error_code) values ('consent.matrices.v1', 'never-heard-of', 'x')",
        f"{AGED} where topic = 'consent.matrices.v1'",
        f"{AGED} where topic = 'consent.matrices.v1' and partition = 2",
        "delete from copy_watermarks where topic = 'consent.matrices.v1'",
    ],
)
async def test_where_the_matrix_in_force_may_be_one_not_heard_of_professionals_are_not_answered(
    api: RecordsApi, record: UUID, happened: str
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.choose(record, 2, authorised=[OTHER_DOCTOR])
    await api.pool.execute(happened)
    doctor = as_doctor(OTHER_DOCTOR)
    present, missing = [await api.get(f"/fhir/Binary/{document_id}", doctor) for document_id in (document, uuid4())]
    assert (present.status_code, present.content) == (503, missing.content)
    for person in (SOMEBODY, NOBODY):
        assert (await check(api, doctor, person)).status_code == 503
        ins = ins_of(person)
        search_parameters = {"patient_identifier": f"{ins.system}|{ins.matricule}", "status": "current"}
        assert (await api.search(doctor, **search_parameters)).status_code == 503
    assert await status(api, document, as_patient(record)) == 200
    assert await status(api, document, in_mode("bris_de_glace", record, STRANGER)) == 200
    assert (await accesses(api))[-1].matrix == "2023-10-26", "the last one known"


async def check(api: RecordsApi, token: str, person: Person = SOMEBODY) -> httpx2.Response:
    ins = ins_of(person)
    return await api.client.post(
        "/fhir/Patient/_search", data={"identifier": f"{ins.system}|{ins.matricule}"}, headers=bearer(token)
    )


def standing(answer: httpx2.Response) -> tuple[bool, str, bool] | None:
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    if bundle["total"] == 0:
        return None
    [entry] = bundle["entry"]
    patient = entry["resource"]
    assert patient.keys() == {"resourceType", "id", "extension", "identifier", "active"}, "no traits"
    authorisation, attending = patient["extension"]
    return patient["active"], authorisation["valueCode"], attending["valueBoolean"]


async def test_td02_tells_how_one_stands_to_a_record(api: RecordsApi, record: UUID) -> None:
    now = clock.now()
    doctor, software = as_doctor(OTHER_DOCTOR), as_software()
    over = {"from": now - timedelta(days=2), "until": now - timedelta(days=1)}
    to_come = {"from": now + timedelta(days=1)}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "NON_EXISTE"),
        ({"authorisations": [{"holder_id": OTHER_DOCTOR, **over}]}, "EXPIRE"),
        ({"authorisations": [{"holder_id": OTHER_DOCTOR, **to_come}]}, "NON_EXISTE"),
        ({"authorised": [OTHER_DOCTOR]}, "VALIDE"),
        ({"authorised": [OTHER_DOCTOR], "blocked": [OTHER_DOCTOR]}, "INTERDIT"),
        ({"attending_doctors": [OTHER_DOCTOR]}, "NON_EXISTE"),
    ]
    for version, (chosen, authorisation) in enumerate(cases, 2):
        await api.choose(record, version, **chosen)
        assert standing(await check(api, doctor)) == (True, authorisation, "attending_doctors" in chosen), chosen
        assert standing(await check(api, software)) == (True, "NON_EXISTE", False)
    await api.choose(record, 20, authorised=[HOSPITAL])
    assert standing(await check(api, software)) == (True, "VALIDE", False)
    assert standing(await check(api, doctor, NOBODY)) is None
    await api.open_record(SOMEBODY, record_id=record, status="closed")
    assert standing(await check(api, software)) == (False, "VALIDE", False)
    told_all = [event for event in await accesses(api) if event.action == "check-record"]
    assert {(event.record_id, event.reason) for event in told_all} == {(record, "record-checked")}
    assert len(told_all) == 14, "one entry each, none of who has no record"


async def test_td02_by_get_and_for_whom_it_is_not(api: RecordsApi, record: UUID) -> None:
    ins = ins_of(SOMEBODY)
    path = f"/fhir/Patient?{httpx2.QueryParams({'identifier': f'{ins.system}|{ins.matricule}'})}"
    assert standing(await api.get(path, as_doctor(DOCTOR))) == (True, "NON_EXISTE", False)
    for token in (as_patient(record), make_token("administrator", "admin-1"), application()):
        answer = await api.get(path, token)
        assert (answer.status_code, codes(answer)) == (403, ["forbidden"])
    for wrong in ("", "?identifier=x", "?identifier=a&identifier=b", "?name=a&identifier=b"):
        assert (await api.get(f"/fhir/Patient{wrong}", as_doctor(DOCTOR))).status_code == 400
    lenient = await api.get(f"{path}&_pretty=true", as_doctor(DOCTOR), prefer="handling=lenient")
    assert lenient.json()["link"] == [{"relation": "self", "url": f"http://records.test{path}"}]
    modified = await api.get(f"{path}&identifier:of-type=x", as_doctor(DOCTOR), prefer="handling=lenient")
    assert (modified.status_code, codes(modified)) == (400, ["search-invalid"])
    await api.be_fresh(clock.now() - timedelta(minutes=5))
    for person in (SOMEBODY, NOBODY):
        assert (await check(api, as_doctor(DOCTOR), person)).status_code == 503


async def test_who_may_not_ask_for_a_standing_is_refused_and_the_ledger_decides_none_of_it_again(
    api: RecordsApi, record: UUID
) -> None:
    in_secret = make_token("professional", DOCTOR, mode="secret")
    requesters = [as_patient(record), professional_token(DOCTOR, "R94_99"), in_secret]
    for token in requesters:
        for person in (SOMEBODY, Person(4711)):
            assert (await check(api, token, person)).status_code == 403
    await check(api, as_doctor())
    events = [event for event in await api.announced(AccessRecorded) if event.action == "check-record"]
    assert [(event.outcome, event.reason) for event in events] == [
        *[("refused", "kind-not-permitted")] * len(requesters),
        ("permitted", "record-checked"),
    ]
    assert all(event.facts is None and event.rules_version is None for event in events)
