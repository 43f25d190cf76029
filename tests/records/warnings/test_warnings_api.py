"""Warnings at a prescription by a professional who may read, and their acknowledgement with a reason."""

import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.settings import WarningSettings
from services.records.warnings.domain.words import ADVICE
from shared.contracts.audit import MOTIVE, AccessRecorded
from shared.crypto.keyring import Keyring
from tests.conftest import NewDatabase
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.facts import insert_blocks
from tests.infra.records.prescriptions import a_prescription_cda, a_treatment, an_allergy, atc
from tests.infra.records.records_api import (
    DOCTOR,
    OTHER_DOCTOR,
    REASONS,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    named,
    run_records_api,
)

SOMEBODY = Person(72)
ATC = "http://www.whocc.no/atc"
AMOXICILLIN = {"codes": [{"system": ATC, "code": "J01CA04"}], "name": "Amoxicilline 500 mg"}
CLARITHROMYCIN = {"codes": [{"system": ATC, "code": "J01FA09"}], "name": "Clarithromycine 500 mg"}
REASON = "Tolérée depuis, sous surveillance"
ALLERGY = an_allergy(atc("J01CA04", "amoxicilline")).fact
COLCHICINE = a_treatment(atc("M04AC01", "colchicine")).fact


async def a_record(api: RecordsApi, **chosen: Any) -> UUID:
    record = await api.open_record(SOMEBODY)
    await api.choose(record, 1, **{"authorised": [OTHER_DOCTOR], **chosen})
    return record


async def published(api: RecordsApi, *facts: ClinicalFact, text_only: int = 0, **deposit: Any) -> UUID:
    """Publishes a document of which these facts were read."""
    [document] = await api.publish(a_deposit(SOMEBODY, **deposit))
    await insert_blocks(api, {document: facts}, text_only=text_only)
    return document


async def post(
    api: RecordsApi, record: UUID, token: str, *medicines: dict[str, Any], exams: Sequence[dict[str, Any]] = ()
) -> httpx2.Response:
    body = {"medicines": medicines, "exams": exams}
    return await api.client.post(f"/records/{record}/warnings", json=body, headers=bearer(token))


async def acknowledge(
    api: RecordsApi, record: UUID, token: str, ids: Sequence[str], *medicines: dict[str, Any], reason: str = REASON
) -> httpx2.Response:
    body = {"prescription": {"medicines": medicines}, "warnings": ids, "reason": reason}
    path = f"/records/{record}/warnings/acknowledgements"
    return await api.client.post(path, json=body, headers=bearer(token))


async def listed(api: RecordsApi, record: UUID, token: str, **headers: str) -> list[dict[str, Any]]:
    answer = await api.get(f"/records/{record}/warnings/acknowledgements", token, **headers)
    assert answer.status_code == 200, answer.text
    acknowledgements: list[dict[str, Any]] = answer.json()["acknowledgements"]
    return acknowledgements


async def test_a_warning_names_its_fact_its_document_and_its_rule(api: RecordsApi) -> None:
    record = await a_record(api)
    document = await published(api, ALLERGY, COLCHICINE, text_only=2)
    answer = await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN, CLARITHROMYCIN)
    body = answer.json()
    allergy, interaction = body["warnings"]
    assert (allergy["kind"], allergy["items"], allergy["document_id"]) == ("allergy", [0], str(document))
    assert allergy["facts"][0]["fact_id"] == str(ALLERGY.id)
    assert (allergy["rule"]["code"], allergy["rule"]["version"]) == ("allergy-substance", "1")
    assert interaction["interaction"]["level"] == "contraindicated"
    assert interaction["rule"]["table"]["is_built_in"]
    assert body["not_looked_at"] == {"text_only": 2, "unread": 0, "pending": 0}
    assert "certified" in body["notice"]
    assert "medicines" not in body  # no public files are loaded


async def test_nothing_of_a_prescription_is_kept_and_the_reading_is_traced_as_one_of_the_summary(
    api: RecordsApi,
) -> None:
    record = await a_record(api)
    document = await published(api, ALLERGY)
    await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN)
    accesses = await api.announced(AccessRecorded)
    [access] = [each for each in accesses if each.actor.id == OTHER_DOCTOR]
    assert (access.action, access.outcome, access.motive) == ("read-summary", "permitted", None)
    assert [id for combination in access.combinations for id in combination.sources] == [document]
    assert await api.pool.fetchval("select count(*) from warning_acknowledgements") == 0


async def test_a_source_that_the_prescriber_may_not_see_gives_no_warning_and_no_number(api: RecordsApi) -> None:
    record = await a_record(api)
    before = (await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN)).content
    await published(api, ALLERGY, text_only=3, labels=("N", "MASQUE_PS"))
    assert (await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN)).content == before
    assert len((await post(api, record, as_doctor(DOCTOR), AMOXICILLIN)).json()["warnings"]) == 1


async def test_a_prescription_is_compared_as_its_document_and_only_with_the_record_of_whom_it_names(
    api: RecordsApi,
) -> None:
    record, token = await a_record(api), as_doctor(OTHER_DOCTOR)
    await published(api, ALLERGY)
    path, headers = f"/records/{record}/warnings", bearer(token)

    async def sent(content: bytes) -> httpx2.Response:
        body = {"cda": base64.b64encode(content).decode()}
        return await api.client.post(path, json=body, headers=headers)

    document = a_prescription_cda(SOMEBODY, J01CA04="Amoxicilline", N02BE01="Paracétamol")
    [warning] = (await sent(document)).json()["warnings"]
    assert (warning["rule"]["code"], warning["items"]) == ("allergy-substance", [0])
    body = {
        "prescription": {"cda": base64.b64encode(document).decode()},
        "warnings": [warning["id"]],
        "reason": REASON,
    }
    made = await api.client.post(f"{path}/acknowledgements", json=body, headers=headers)
    assert made.status_code == 201, made.text
    for refused, code in (
        (a_prescription_cda(Person(73), J01CA04="Amoxicilline"), "patient-mismatch"),
        (a_prescription_cda(SOMEBODY), "prescription-unreadable"),
    ):
        answer = await sent(refused)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    both = {"medicines": [AMOXICILLIN], "cda": base64.b64encode(document).decode()}
    assert (await api.client.post(path, json=both, headers=headers)).status_code == 422
    other = await api.client.post(path, json={"cda": "!"}, headers=bearer(as_patient(record)))
    assert (other.status_code, other.json()["code"]) == (403, "not-a-professional")


@pytest.mark.parametrize("token", ["patient", "software", "unknown", "blocked"])
async def test_only_professionals_who_may_read_get_warnings(api: RecordsApi, token: str) -> None:
    record = await a_record(api, authorised=[], blocked=[OTHER_DOCTOR])
    await published(api, ALLERGY)
    tokens = {
        "patient": as_patient(record),
        "software": as_software(),
        "unknown": as_doctor("899900000034"),
        "blocked": as_doctor(OTHER_DOCTOR),
    }
    answer = await post(api, record, tokens[token], AMOXICILLIN)
    assert answer.status_code in (403, 404)
    assert "J01CA04" not in answer.text
    assert answer.status_code == 404 or answer.json()["code"] == "not-a-professional"


async def test_what_the_patient_states_in_a_health_profile_warns_marked(api: RecordsApi) -> None:
    record = await a_record(api)
    statements = [{"kind": "allergy", "text": "Pénicilline, urticaire"}, {"kind": "disease", "text": "Asthme"}]
    await api.client.put(
        f"/records/{record}/statements/{uuid4()}",
        json={"form": "health-profile", "statements": statements},
        headers=bearer(as_patient(record)),
    )
    document = await api.pool.fetchval("select id from documents where record_id = $1", record)
    await api.decide(document)
    body = (await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN)).json()
    [warning] = body["warnings"]
    assert (warning["rule"]["code"], warning["document_id"]) == ("allergy-declared-class", str(document))
    assert warning["facts"][0]["declared_by"] == "patient"
    assert "Declared by the patient" in warning["text"]
    assert body["not_looked_at"] == {"text_only": 0, "unread": 0, "pending": 0}


async def test_an_acknowledged_warning_is_kept_sealed_and_entered_in_the_ledger(api: RecordsApi) -> None:
    record = await a_record(api)
    document = await published(api, ALLERGY)
    doctor = as_doctor(OTHER_DOCTOR)
    [warning] = (await post(api, record, doctor, AMOXICILLIN)).json()["warnings"]
    made = await acknowledge(api, record, doctor, [warning["id"]], AMOXICILLIN)
    assert made.status_code == 201, made.text
    [id] = made.json()["acknowledgements"]
    [entry] = [each for each in await api.announced(AccessRecorded) if each.action == "acknowledge-warning"]
    assert (entry.document_id, entry.subject_id, entry.outcome) == (document, id, "permitted")
    assert Keyring.parse(REASONS).decrypt_jwe(entry.motive, MOTIVE).decode() == REASON
    body = await api.pool.fetchval("select body from warning_acknowledgements where id = $1", UUID(id))
    assert "moxicilline" not in body.decode("latin-1")
    [again] = (await post(api, record, doctor, AMOXICILLIN)).json()["warnings"]
    assert again["acknowledged"]["acknowledgement_id"] == id
    assert (again["acknowledged"]["reason"], again["acknowledged"]["professional_id"]) == (REASON, OTHER_DOCTOR)


async def test_the_patient_reads_it_in_words_with_the_advice_not_to_stop(api: RecordsApi) -> None:
    record = await a_record(api)
    await published(api, ALLERGY)
    doctor = as_doctor(OTHER_DOCTOR)
    [warning] = (await post(api, record, doctor, AMOXICILLIN)).json()["warnings"]
    await acknowledge(api, record, doctor, [warning["id"]], AMOXICILLIN)
    [french] = await listed(api, record, as_patient(record), **{"accept-language": "fr"})
    assert french["text"].startswith("Amoxicilline 500 mg vous a été prescrit")
    assert french["text"].endswith(ADVICE["fr"])
    assert (french["other"], french["reason"]) == ("amoxicilline", REASON)
    [english] = await listed(api, record, as_patient(record))
    assert english["text"].endswith(ADVICE["en"])


async def test_an_acknowledgement_follows_the_visibility_of_its_source(api: RecordsApi) -> None:
    record = await a_record(api)
    await api.name_people(record, 1, representatives=[named(UUID(int=7))], is_minor=True)
    hidden = await published(api, ALLERGY, labels=("N", "INVISIBLE_PATIENT"))
    author = as_doctor(DOCTOR)
    [warning] = (await post(api, record, author, AMOXICILLIN)).json()["warnings"]
    await acknowledge(api, record, author, [warning["id"]], AMOXICILLIN)
    assert len(await listed(api, record, as_doctor(OTHER_DOCTOR))) == 1
    assert await listed(api, record, as_patient(record)) == []
    await api.pool.execute("update documents set labels = '{N}' where id = $1", hidden)
    assert len(await listed(api, record, as_patient(record))) == 1
    await api.pool.execute("update documents set life = 'superseded' where id = $1", hidden)
    assert len(await listed(api, record, as_patient(record))) == 1


async def test_a_warning_within_the_prescription_has_no_source_and_is_everybodys_who_may_read(api: RecordsApi) -> None:
    record = await a_record(api)
    doctor = as_doctor(OTHER_DOCTOR)
    twice = (AMOXICILLIN, AMOXICILLIN)
    [warning] = (await post(api, record, doctor, *twice)).json()["warnings"]
    assert "document_id" not in warning
    assert (await acknowledge(api, record, doctor, [warning["id"]], *twice)).status_code == 201
    [entry] = [each for each in await api.announced(AccessRecorded) if each.action == "acknowledge-warning"]
    assert entry.document_id is None
    assert len(await listed(api, record, as_patient(record))) == 1


async def test_what_is_no_warning_any_more_is_not_acknowledged(api: RecordsApi) -> None:
    record = await a_record(api)
    document = await published(api, ALLERGY)
    doctor = as_doctor(OTHER_DOCTOR)
    [warning] = (await post(api, record, doctor, AMOXICILLIN)).json()["warnings"]
    other = await acknowledge(api, record, doctor, [warning["id"]], CLARITHROMYCIN)
    assert (other.status_code, other.json()["code"]) == (409, "warnings-changed")
    await api.pool.execute("update documents set labels = '{N,MASQUE_PS}' where id = $1", document)
    masked = await acknowledge(api, record, doctor, [warning["id"]], AMOXICILLIN)
    assert masked.status_code == 409
    short = await acknowledge(api, record, doctor, [warning["id"]], AMOXICILLIN, reason=" ok        ")
    assert (short.status_code, short.json()["code"]) == (422, "reason-invalid")
    assert await api.pool.fetchval("select count(*) from warning_acknowledgements") == 0
    assert not [each for each in await api.announced(AccessRecorded) if each.action == "acknowledge-warning"]


@pytest.mark.parametrize(
    "body",
    [{}, {"medicines": [{"name": ""}]}, {"exams": [{"codes": []}]}, {"medicines": [{"dose": 1}]}],
)
async def test_a_prescription_has_items_of_the_described_form(api: RecordsApi, body: dict[str, Any]) -> None:
    record = await a_record(api)
    answer = await api.client.post(f"/records/{record}/warnings", json=body, headers=bearer(as_doctor(OTHER_DOCTOR)))
    assert answer.status_code == 422


async def test_warnings_are_off_unless_the_operator_turns_them_on(new_database: NewDatabase) -> None:
    async with run_records_api(await new_database("records"), warnings=WarningSettings()) as api:
        await api.be_fresh()
        record = await a_record(api)
        answer = await post(api, record, as_doctor(OTHER_DOCTOR), AMOXICILLIN)
        assert (answer.status_code, answer.json()["code"]) == (403, "warnings-off")
        assert "RECORDS_WARNINGS__ENABLED" in answer.text
        assert await listed(api, record, as_patient(record)) == []
