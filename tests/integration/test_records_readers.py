"""Who asks and how: representatives, carers, applications, emergencies; and TD0.2, which tells no more than it may."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.records.usecases.apply_matrix_copies import apply_matrix_copies
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import MatrixChanged
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.load import Person
from tests.infra.messages import message
from tests.infra.mixes import acting, application, in_mode
from tests.infra.records import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    House,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    codes,
    ins_of,
    named,
)
from tests.infra.tokens import bearer, make_token, professional_token

SOMEBODY, NOBODY = Person(88), Person(89)
STRANGER = "899900000042"
AGED = "update copy_watermarks set at = at - interval '5 minutes'"


@pytest.fixture
async def record(home: House) -> UUID:
    record_id = await home.open_record(SOMEBODY)
    await home.choose(record_id, 1)
    return record_id


async def status(home: House, document: UUID, token: str) -> int:
    return (await home.get(f"/fhir/Binary/{document}", token)).status_code


async def accesses(home: House) -> list[AccessRecorded]:
    return await home.announced(AccessRecorded)


async def test_a_representative_and_a_carer_read_while_identity_names_them(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    for version, (kind, people) in enumerate((("representative", "representatives"), ("carer", "carers")), 1):
        person = uuid4()
        token = acting(kind, person, record)
        assert await status(home, document, token) == 404, "a token alone is not enough"
        await home.name_people(record, version * 3, **{people: [named(person)]})
        assert await status(home, document, token) == 200
        told = (await accesses(home))[-1]
        assert (told.actor.kind, told.actor.id, told.reason, told.state_version) == (kind, str(person), kind, 1)
        assert told.seen["identity.people.v1"] == version * 3
        await home.name_people(record, version * 3 + 1, **{people: [named(person, until=clock.now())]})
        assert await status(home, document, token) == 404
        await home.name_people(record, version * 3 + 2)


async def test_old_people_stop_who_acts_for_another_and_nobody_else(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    mother = uuid4()
    await home.name_people(record, 1, representatives=[named(mother)])
    await home.choose(record, 2, authorised=[OTHER_DOCTOR])
    await home.pool.execute(
        "update copy_watermarks set at = $1 where topic = 'identity.people.v1'", clock.now() - timedelta(minutes=5)
    )
    assert await status(home, document, acting("representative", mother, record)) == 503
    assert await status(home, uuid4(), acting("representative", mother, record)) == 503
    assert await status(home, document, as_doctor(OTHER_DOCTOR)) == 200
    assert await status(home, document, as_patient(record)) == 200


async def test_an_application_reads_the_sections_it_was_given(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    assert await status(home, document, application()) == 404
    await home.choose(record, 2, applications=[{"application_id": "app-1", "sections": ["CPT_REND"]}])
    assert await status(home, document, application()) == 200
    assert await status(home, document, application("app-2")) == 404
    await home.choose(record, 3, applications=[{"application_id": "app-1", "sections": ["BIOLOGIE"]}])
    assert await status(home, document, application()) == 404


@pytest.mark.parametrize(("mode", "purpose"), [("bris_de_glace", "BTG"), ("centre_15", "ETREAT")])
async def test_an_emergency_opens_is_flagged_in_every_answer_and_its_motive_goes_sealed_to_the_ledger(
    home: House, record: UUID, mode: str, purpose: str
) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    token = in_mode(mode, record, STRANGER)
    assert await status(home, document, professional_token(STRANGER)) == 404
    read = await home.get(f"/fhir/Binary/{document}", token)
    assert (read.status_code, read.headers["x-access-mode"]) == (200, mode)
    told = (await accesses(home))[-1]
    assert (told.mode, told.motive) == (mode, "sealed.motive")
    assert told.session_id is not None
    found = await home.search(token, patient=str(record), status="current")
    assert found.headers["x-access-mode"] == mode
    assert [one["code"] for one in found.json()["meta"]["security"]] == [purpose]
    single = await home.get(f"/fhir/DocumentReference/{document}", token)
    assert [one["code"] for one in single.json()["meta"]["security"]] == [purpose]
    missing = await home.get(f"/fhir/Binary/{uuid4()}", token)
    assert (missing.status_code, missing.headers["x-access-mode"]) == (404, mode)
    normal = await home.get(f"/fhir/Binary/{document}", as_patient(record))
    assert "x-access-mode" not in normal.headers
    assert (await accesses(home))[-1].motive is None


async def test_of_a_deceased_person_nobody_reads_nor_in_an_emergency(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    await home.choose(record, 2, authorised=[DOCTOR])
    tokens = [as_patient(record), as_doctor(DOCTOR), as_software(), in_mode("bris_de_glace", record, STRANGER)]
    assert [await status(home, document, token) for token in tokens] == [200] * 4
    await home.open_record(SOMEBODY, record_id=record, status="deceased")
    assert [await status(home, document, token) for token in tokens] == [404] * 4
    assert {one.reason for one in (await accesses(home))[-4:]} == {"holder-deceased"}
    found = await home.search(as_patient(record), patient=str(record), status="current")
    assert found.json()["total"] == 0
    assert (await accesses(home))[-1].reason == "holder-deceased"
    await home.open_record(SOMEBODY, record_id=record)
    assert [await status(home, document, token) for token in tokens] == [200] * 4


async def test_an_opposed_emergency_answers_as_if_there_were_nothing(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    await home.choose(record, 2, emergency={"break_glass": False, "regulation_centre": False})
    for mode in ("bris_de_glace", "centre_15"):
        hidden, missing = [
            await home.get(f"/fhir/Binary/{one}", in_mode(mode, record, STRANGER)) for one in (document, uuid4())
        ]
        assert (hidden.status_code, hidden.content) == (404, missing.content)
        assert hidden.headers["x-access-mode"] == missing.headers["x-access-mode"]
        assert (await accesses(home))[-1].reason == "emergency-opposed"


async def test_masked_documents_open_in_an_emergency_only_where_that_was_permitted(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))
    assert await status(home, document, in_mode("bris_de_glace", record, STRANGER)) == 404
    await home.choose(record, 2, emergency={"masked_documents": True}, hidden_sections=["CPT_REND"])
    assert await status(home, document, in_mode("bris_de_glace", record, STRANGER)) == 200


async def test_the_attending_doctor_and_the_care_team_read(home: House, record: UUID) -> None:
    [plain, masked] = await home.publish(
        a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"masked", labels=("N", "MASQUE_PS"))
    )
    team = professional_token(STRANGER, organisation_id=CLINIC)
    attested = {"holder_id": CLINIC, "from": clock.now() - timedelta(hours=1), "how": "care-team"}
    await home.choose(record, 2, attending_doctors=[OTHER_DOCTOR], authorisations=[attested])
    assert [await status(home, one, as_doctor(OTHER_DOCTOR)) for one in (plain, masked)] == [200, 200]
    assert [await status(home, one, team) for one in (plain, masked)] == [200, 404]
    await home.choose(record, 3, authorisations=[attested], care_team_objected=True)
    assert [await status(home, plain, one) for one in (as_doctor(OTHER_DOCTOR), team)] == [404, 404]


async def test_the_matrix_in_force_is_the_one_with_the_latest_date_that_has_come(home: House, record: UUID) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    await home.choose(record, 2, authorised=[OTHER_DOCTOR])
    doctor, now = as_doctor(OTHER_DOCTOR), clock.now()

    async def know(name: str, version: int, active_from: Any, **lists: Any) -> None:
        told = MatrixChanged(
            name=name,
            version=version,
            active_from=active_from,
            **{"allowed": {}, "denied": {}, "allowed_by_default": {}, **lists},
        )
        async with transaction(home.pool) as connection:
            await apply_matrix_copies(connection, [message(told)])

    await know("to-come", 1, now + timedelta(days=1))
    await know("not-activated", 1, None)
    assert await status(home, document, doctor) == 200
    await know("stricter", 1, now - timedelta(seconds=1))
    assert await status(home, document, doctor) == 404
    told = (await accesses(home))[-1]
    assert (told.reason, told.matrix) == ("not-in-matrix", "stricter")
    await know("stricter", 2, now - timedelta(seconds=1), allowed={"G15_10": ["11488-4"]})
    assert await status(home, document, doctor) == 200


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
    home: House, record: UUID, happened: str
) -> None:
    [document] = await home.publish(a_deposit(SOMEBODY))
    await home.choose(record, 2, authorised=[OTHER_DOCTOR])
    await home.pool.execute(happened)
    doctor = as_doctor(OTHER_DOCTOR)
    there, missing = [await home.get(f"/fhir/Binary/{one}", doctor) for one in (document, uuid4())]
    assert (there.status_code, there.content) == (503, missing.content)
    for person in (SOMEBODY, NOBODY):
        assert (await check(home, doctor, person)).status_code == 503
        ins = ins_of(person)
        asked = {"patient_identifier": f"{ins.system}|{ins.matricule}", "status": "current"}
        assert (await home.search(doctor, **asked)).status_code == 503
    assert await status(home, document, as_patient(record)) == 200
    assert await status(home, document, in_mode("bris_de_glace", record, STRANGER)) == 200
    assert (await accesses(home))[-1].matrix == "2023-10-26", "the last one known"


async def check(home: House, token: str, person: Person = SOMEBODY) -> httpx.Response:
    ins = ins_of(person)
    return await home.client.post(
        "/fhir/Patient/_search", data={"identifier": f"{ins.system}|{ins.matricule}"}, headers=bearer(token)
    )


def standing(answer: httpx.Response) -> tuple[bool, str, bool] | None:
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    if bundle["total"] == 0:
        return None
    [entry] = bundle["entry"]
    patient = entry["resource"]
    assert patient.keys() == {"resourceType", "id", "extension", "identifier", "active"}, "no traits"
    authorisation, attending = patient["extension"]
    return patient["active"], authorisation["valueCode"], attending["valueBoolean"]


async def test_td02_tells_how_one_stands_to_a_record(home: House, record: UUID) -> None:
    now = clock.now()
    doctor, software = as_doctor(OTHER_DOCTOR), as_software()
    over = {"from": now - timedelta(days=2), "until": now - timedelta(days=1)}
    to_come = {"from": now + timedelta(days=1)}
    for version, (chosen, told) in enumerate(
        [
            ({}, "NON_EXISTE"),
            ({"authorisations": [{"holder_id": OTHER_DOCTOR, **over}]}, "EXPIRE"),
            ({"authorisations": [{"holder_id": OTHER_DOCTOR, **to_come}]}, "NON_EXISTE"),
            ({"authorised": [OTHER_DOCTOR]}, "VALIDE"),
            ({"authorised": [OTHER_DOCTOR], "blocked": [OTHER_DOCTOR]}, "INTERDIT"),
            ({"attending_doctors": [OTHER_DOCTOR]}, "NON_EXISTE"),
        ],
        2,
    ):
        await home.choose(record, version, **chosen)
        assert standing(await check(home, doctor)) == (True, told, "attending_doctors" in chosen), chosen
        assert standing(await check(home, software)) == (True, "NON_EXISTE", False)
    await home.choose(record, 20, authorised=[HOSPITAL])
    assert standing(await check(home, software)) == (True, "VALIDE", False)
    assert standing(await check(home, doctor, NOBODY)) is None
    await home.open_record(SOMEBODY, record_id=record, status="closed")
    assert standing(await check(home, software)) == (False, "VALIDE", False)
    told_all = [one for one in await accesses(home) if one.action == "check-record"]
    assert {(one.record_id, one.reason) for one in told_all} == {(record, "record-checked")}
    assert len(told_all) == 14, "one entry each, none of who has no record"


async def test_td02_by_get_and_for_whom_it_is_not(home: House, record: UUID) -> None:
    ins = ins_of(SOMEBODY)
    path = f"/fhir/Patient?{httpx.QueryParams({'identifier': f'{ins.system}|{ins.matricule}'})}"
    assert standing(await home.get(path, as_doctor(DOCTOR))) == (True, "NON_EXISTE", False)
    for token in (as_patient(record), make_token("administrator", "admin-1"), application()):
        answer = await home.get(path, token)
        assert (answer.status_code, codes(answer)) == (403, ["forbidden"])
    for wrong in ("", "?identifier=x", "?identifier=a&identifier=b", "?name=a&identifier=b"):
        assert (await home.get(f"/fhir/Patient{wrong}", as_doctor(DOCTOR))).status_code == 400
    await home.be_fresh(clock.now() - timedelta(minutes=5))
    for person in (SOMEBODY, NOBODY):
        assert (await check(home, as_doctor(DOCTOR), person)).status_code == 503


async def test_who_may_not_ask_for_a_standing_is_refused_and_the_ledger_decides_none_of_it_again(
    home: House, record: UUID
) -> None:
    in_secret = make_token("professional", DOCTOR, mode="secret")
    askers = [as_patient(record), professional_token(DOCTOR, "R94_99"), in_secret]
    for token in askers:
        for person in (SOMEBODY, Person(4711)):
            assert (await check(home, token, person)).status_code == 403
    await check(home, as_doctor())
    told = [one for one in await home.announced(AccessRecorded) if one.action == "check-record"]
    assert [(one.outcome, one.reason) for one in told] == [
        *[("refused", "kind-not-permitted")] * len(askers),
        ("permitted", "record-checked"),
    ]
    assert all(one.facts is None and one.rules_version is None for one in told)
