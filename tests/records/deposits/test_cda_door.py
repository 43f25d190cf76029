"""A CDA is deposited alone: its header states the metadata, and it is kept, checked and tracked as any deposit."""

from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.documents.domain import sealed_contents
from shared.contracts.records import DocumentReceived
from shared.crypto.vault import WrappedKey
from shared.fhir import cda_deposit
from tests.infra.http.tokens import bearer, professional_token, software_token
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    RecordsApi,
    as_patient,
)

SOMEBODY, SOMEBODY_ELSE = Person(71), Person(72)
STYLE_SHEET = b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><Contenu>%s</Contenu></xsl:stylesheet>'


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    return shared_records_api


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    await api.be_fresh()
    return record_id


async def send(api: RecordsApi, body: bytes, query: str = "", organisation: str = HOSPITAL) -> httpx2.Response:
    headers = {**bearer(software_token("software-1", organisation)), "content-type": "text/xml"}
    return await api.client.post(f"/cda{query}", content=body, headers=headers)


async def test_the_metadata_follow_from_the_header_and_are_given_back(api: RecordsApi, record: UUID) -> None:
    unique_id = uuid4()
    answer = await send(api, a_cda(SOMEBODY, unique_id), "?visibility=MASQUE_PS&visibility=INVISIBLE_PATIENT")
    assert answer.status_code == 201, answer.text
    [document] = answer.json()["documents"]
    assert answer.headers["location"] == f"/deposits/{answer.json()['deposit_id']}"
    [received] = await api.announced(DocumentReceived)
    assert (received.type, received.organisation_id) == ("18748-4", HOSPITAL)
    assert received.labels == ("N", "INVISIBLE_PATIENT", "MASQUE_PS")
    await api.decide(UUID(document["document_id"]))
    shown = await api.get(f"/fhir/DocumentReference/{document['document_id']}", software_token("software-1", HOSPITAL))
    reference = shown.json()
    assert reference["masterIdentifier"]["value"] == f"urn:uuid:{unique_id}"
    assert reference["content"][0]["attachment"]["title"] == "Imagerie inventée"
    assert reference["context"]["event"][0]["coding"][0]["code"] == "ZBQK002"
    assert reference["context"]["period"] == {"start": "2026-10-01T07:00:00Z"}
    names = [resource.get("practitioner", {}).get("display") for resource in reference["contained"]]
    assert "DR Camille INVENTÉE" in names
    assert "Camille INVENTÉE" in names


async def test_the_bytes_are_given_back_and_kept_once(api: RecordsApi, record: UUID) -> None:
    wrapped = STYLE_SHEET % a_cda(SOMEBODY, uuid4()).partition(b"?>\n")[2]
    document = (await send(api, wrapped)).json()["documents"][0]
    await api.decide(UUID(document["document_id"]))
    read = await api.get(f"/fhir/Binary/{document['document_id']}", software_token("software-1", HOSPITAL))
    assert read.content == wrapped
    [row] = await api.pool.fetch("select deposit_id, body as sealed from deposit_requests")
    [key] = await api.pool.fetch("select * from record_keys where record_id = $1", record)
    opened = api.vault.unwrap(record, WrappedKey(key["kid"], key["wrapped"]))
    contents = {UUID(document["document_id"]): wrapped}
    assert sealed_contents.open_request(opened, row["deposit_id"], row["sealed"], contents) == wrapped
    assert len(row["sealed"]) < 200, "the request repeats no byte of the content"


async def test_the_same_cda_again_gets_the_same_deposit_by_either_door(api: RecordsApi, record: UUID) -> None:
    body = a_cda(SOMEBODY, uuid4())
    first = (await send(api, body)).json()
    assert (await send(api, body)).json()["deposit_id"] == first["deposit_id"]
    by_fhir = await api.deposit(cda_deposit.bundle_of_cda(body))
    assert by_fhir.headers["location"] == f"/deposits/{first['deposit_id']}"
    other_bytes = await send(api, body.replace(b"Rien", b"Tout"))
    assert (other_bytes.status_code, other_bytes.json()["code"]) == (409, "unique-id-taken")


async def test_a_cda_that_replaces_names_what_it_replaces(api: RecordsApi, record: UUID) -> None:
    old, new = uuid4(), uuid4()
    document = (await send(api, a_cda(SOMEBODY, old))).json()["documents"][0]
    await api.decide(UUID(document["document_id"]))
    body = a_cda(SOMEBODY, new, replaces=old)
    assert (await send(api, body, organisation=CLINIC)).status_code in (403, 422)
    answer = await send(api, body)
    assert answer.status_code == 201, answer.text
    unknown = await send(api, a_cda(SOMEBODY, uuid4(), replaces=uuid4()))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "replaced-document-unknown")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<a/>", "cda-missing"),
        (b"not XML", "xml-invalid"),
        (a_cda(SOMEBODY, uuid4(), type="34105-7"), "type-unknown"),
        (a_cda(SOMEBODY, uuid4(), ins=""), "ins-missing"),
        (a_cda(SOMEBODY, uuid4(), practice=""), "element-missing"),
        (a_cda(SOMEBODY, uuid4(), birth_name="AUTRE"), "traits-mismatch"),
        (a_cda(SOMEBODY_ELSE, uuid4()), "record-unknown"),
        (
            a_cda(SOMEBODY, uuid4()).replace(b"<ClinicalDocument", b"<!DOCTYPE a>\n<ClinicalDocument"),
            "xml-doctype-refused",
        ),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_a_code(
    api: RecordsApi, record: UUID, body: bytes, code: str
) -> None:
    answer = await send(api, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert SOMEBODY.birth_name not in answer.text
    assert not await api.announced(DocumentReceived)


async def test_only_who_may_deposit_uses_this_door(api: RecordsApi, record: UUID) -> None:
    body = a_cda(SOMEBODY, uuid4())
    patient = await api.client.post(
        "/cda", content=body, headers={**bearer(as_patient(record)), "content-type": "text/xml"}
    )
    assert patient.status_code == 403
    assert (await api.client.post("/cda", content=body, headers={"content-type": "text/xml"})).status_code == 401
    wrong_type = await api.client.post(
        "/cda", content=body, headers={**bearer(software_token("software-1", HOSPITAL)), "content-type": "text/plain"}
    )
    assert (wrong_type.status_code, wrong_type.json()["code"]) == (415, "media-type-unsupported")
    professional = await api.client.post(
        "/cda",
        content=body,
        headers={**bearer(professional_token(DOCTOR, organisation_id=HOSPITAL)), "content-type": "text/xml"},
    )
    assert professional.status_code == 201


async def test_an_unknown_visibility_is_refused(api: RecordsApi, record: UUID) -> None:
    answer = await send(api, a_cda(SOMEBODY, uuid4()), "?visibility=SECRET")
    assert answer.status_code == 422
    assert not await api.announced(DocumentReceived)
