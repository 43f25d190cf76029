"""Statements through the API: documents of the patient side, with versions, labels, rights, traces and erasure."""

from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived
from shared.erasure.erased_records import ErasureFinisher
from tests.infra.erasure.erasing import erase, finish
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import DOCTOR, OTHER_DOCTOR, RecordsApi, as_doctor, as_patient, as_software, named

SOMEBODY = Person(88)
MOTHER, CARER = uuid4(), uuid4()
PROFILE = {
    "form": "health-profile",
    "statements": [
        {"kind": "allergy", "text": "Amoxicilline", "since": "2011"},
        {"kind": "disease", "text": "Asthme", "code": {"system": "2.16.840.1.113883.6.3", "code": "J45"}},
    ],
}
WISHES = {"form": "wishes", "statements": [{"kind": "organ-donation", "position": "agrees"}]}
DIRECTIVES = {"form": "directives", "statements": [{"kind": "directive-place", "text": "Chez ma sœur"}]}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[DOCTOR])
    await api.name_people(record_id, 1, representatives=[named(MOTHER)], carers=[named(CARER, "carer")], is_minor=True)
    return record_id


def as_mother(record_id: UUID) -> str:
    return acting("representative", MOTHER, record_id)


def as_carer(record_id: UUID) -> str:
    return acting("carer", CARER, record_id)


async def put(
    api: RecordsApi, record: UUID, token: str, body: dict[str, Any], id: UUID | None = None
) -> httpx2.Response:
    path = f"/records/{record}/statements/{id or uuid4()}"
    return await api.client.put(path, json=body, headers=bearer(token))


async def stated(api: RecordsApi, record: UUID, token: str, body: dict[str, Any], **more: Any) -> UUID:
    """Deposits statements and applies consent's permission; returns the document's id."""
    answer = await put(api, record, token, {**body, **more})
    assert answer.status_code == 201, answer.text
    document_id = UUID(answer.json()["documents"][0]["document_id"])
    await api.decide(document_id)
    return document_id


async def read(api: RecordsApi, record: UUID, token: str, form: str | None = None) -> list[dict[str, Any]]:
    query = "" if form is None else f"?form={form}"
    answer = await api.get(f"/records/{record}/statements{query}", token)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    documents: list[dict[str, Any]] = answer.json()["documents"]
    return documents


async def test_each_of_the_patient_side_states_and_a_doctor_sees_who_did(api: RecordsApi, record: UUID) -> None:
    await stated(api, record, as_patient(record), PROFILE)
    await stated(api, record, as_mother(record), DIRECTIVES)
    await stated(api, record, as_carer(record), {"form": "note", "statements": [{"kind": "note", "text": "a\nb"}]})
    seen = await read(api, record, as_doctor())
    assert [(document["form"], document["declared_by"]) for document in seen] == [
        ("note", "carer"),
        ("directives", "representative"),
        ("health-profile", "patient"),
    ]
    [allergy, disease] = seen[2]["statements"]
    assert (allergy["text"], allergy["since"], allergy["label_fr"]) == ("Amoxicilline", "2011", "Allergie")
    assert disease["code"] == {"system": "2.16.840.1.113883.6.3", "code": "J45"}
    assert (await read(api, record, as_doctor(), "directives"))[0]["title"] == "Directives anticipées"
    received = await api.announced(DocumentReceived)
    assert [event.type for event in received] == ["DOCPAT08", "EXPPAT_3", "EXPPAT_2"]


async def test_they_are_documents_that_are_found_and_opened_as_such(api: RecordsApi, record: UUID) -> None:
    document_id = await stated(api, record, as_patient(record), PROFILE, title="Mon profil")
    reference = (await api.get(f"/fhir/DocumentReference/{document_id}", as_doctor())).json()
    assert reference["content"][0]["attachment"]["title"] == "Mon profil"
    assert reference["type"]["coding"][0]["code"] == "DOCPAT08"
    content = await api.get(f"/fhir/Binary/{document_id}", as_doctor())
    assert content.json()["statements"][0] == {"kind": "allergy", "text": "Amoxicilline", "since": "2011"}
    assert content.headers["x-content-type-options"] == "nosniff"


async def test_a_version_replaces_the_one_before_and_a_carer_replaces_the_own_one_alone(
    api: RecordsApi, record: UUID
) -> None:
    first = await stated(api, record, as_patient(record), PROFILE)
    shorter = {**PROFILE, "statements": PROFILE["statements"][1:]}
    refused = await put(api, record, as_carer(record), {**shorter, "replaces": str(first)})
    assert (refused.status_code, "not-own-document" in refused.text) == (403, True)
    second = await stated(api, record, as_mother(record), shorter, replaces=str(first))
    [current] = await read(api, record, as_doctor())
    assert (current["document_id"], current["declared_by"]) == (str(second), "representative")
    assert [statement["text"] for statement in current["statements"]] == ["Asthme"]
    earlier = await api.get(f"/fhir/Binary/{first}", as_patient(record))
    assert len(earlier.json()["statements"]) == 2, "the earlier version stays readable"


async def test_the_same_id_states_the_same_or_is_a_conflict(api: RecordsApi, record: UUID) -> None:
    id, token = uuid4(), as_patient(record)
    first, again = await put(api, record, token, PROFILE, id), await put(api, record, token, PROFILE, id)
    assert first.json()["deposit_id"] == again.json()["deposit_id"]
    other = await put(api, record, token, WISHES, id)
    assert (other.status_code, other.json()["code"]) == (409, "unique-id-taken")


async def test_what_is_masked_hidden_or_of_a_hidden_section_is_not_seen(api: RecordsApi, record: UUID) -> None:
    await stated(api, record, as_patient(record), PROFILE, masked=True)
    await stated(api, record, as_patient(record), WISHES, hidden_from_representatives=True)
    await stated(api, record, as_patient(record), DIRECTIVES)

    async def forms(token: str) -> list[str]:
        return [document["form"] for document in await read(api, record, token)]

    assert await forms(as_patient(record)) == ["directives", "wishes", "health-profile"]
    assert await forms(as_doctor()) == ["directives", "wishes"]
    assert await forms(as_mother(record)) == ["directives", "health-profile"]
    assert await forms(professional_token(DOCTOR, "21")) == ["wishes"], "the decree denies directives to pharmacists"
    await api.choose(record, 2, authorised=[DOCTOR], hidden_sections=["DIR_ANT"])
    assert await forms(as_doctor()) == ["wishes"]


async def test_what_is_said_of_organ_donation_carries_what_counts(api: RecordsApi, record: UUID) -> None:
    await stated(api, record, as_patient(record), WISHES)
    [wishes] = await read(api, record, as_doctor())
    assert "registre national des refus" in wishes["note_fr"]
    await stated(api, record, as_patient(record), PROFILE)
    assert "note" not in (await read(api, record, as_doctor(), "health-profile"))[0]


async def test_nobody_else_states_and_who_may_not_read_learns_nothing(api: RecordsApi, record: UUID) -> None:
    await stated(api, record, as_patient(record), PROFILE)
    for token in (as_doctor(), as_software(), make_token("administrator", "admin-1")):
        assert (await put(api, record, token, PROFILE)).status_code == 403
    stranger = as_patient(uuid4())
    refused, missing = await put(api, record, stranger, PROFILE), await put(api, uuid4(), stranger, PROFILE)
    assert (refused.status_code, refused.content) == (missing.status_code, missing.content)
    statuses = {
        as_doctor(OTHER_DOCTOR): 404,
        stranger: 404,
        as_software(): 403,
        make_token("administrator", "admin-1"): 403,
    }
    for token, status in statuses.items():
        assert (await api.get(f"/records/{record}/statements", token)).status_code == status
    assert (await api.get(f"/records/{uuid4()}/statements", as_doctor())).status_code == 404


async def test_every_reading_is_traced_as_a_search_and_a_reading_of_each_document(
    api: RecordsApi, record: UUID
) -> None:
    document_id = await stated(api, record, as_patient(record), PROFILE)
    before = len(await api.announced(AccessRecorded))
    await read(api, record, as_doctor())
    events = (await api.announced(AccessRecorded))[before:]
    assert [(event.action, event.document_id) for event in events] == [
        ("find-documents", None),
        ("read-document", document_id),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**PROFILE, "statements": [{"kind": "blood-group", "text": "O+"}]}, "blood-group-stated"),
        ({**WISHES, "form": "note"}, "statement-kind-unknown"),
        ({**PROFILE, "statements": []}, "invalid"),
        ({**PROFILE, "statements": [{"kind": "allergy", "text": "x", "confirmed": True}]}, "invalid"),
        ({**PROFILE, "form": "summary"}, "invalid"),
        ({**PROFILE, "replaces": str(uuid4())}, "replaced-document-unknown"),
    ],
)
async def test_what_cannot_be_stated_is_refused(api: RecordsApi, record: UUID, body: dict[str, Any], code: str) -> None:
    answer = await put(api, record, as_patient(record), body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await api.announced(DocumentReceived) == []


async def test_a_scan_of_the_same_type_stands_beside_and_is_no_statement(api: RecordsApi, record: UUID) -> None:
    scan = {"title": "Scan", "type": "EXPPAT_3", "content_type": "text/plain", "content": "UGFyIMOpY3JpdC4="}
    headers = bearer(as_patient(record))
    answer = await api.client.put(f"/records/{record}/documents/{uuid4()}", json=scan, headers=headers)
    await api.decide(UUID(answer.json()["documents"][0]["document_id"]))
    assert await read(api, record, as_doctor(), "directives") == []
    assert "read-document" not in [event.action for event in await api.announced(AccessRecorded)], "nor is it opened"


async def test_an_erasure_leaves_nothing(api: RecordsApi, record: UUID) -> None:
    await stated(api, record, as_patient(record), PROFILE)
    await erase(api.pool, erase_record, record)
    await finish(api.pool, ErasureFinisher("records", remove_rows), record)
    assert (await api.get(f"/records/{record}/statements", as_patient(record))).status_code == 404
    assert await api.pool.fetchval("select count(*) from contents") == 0
