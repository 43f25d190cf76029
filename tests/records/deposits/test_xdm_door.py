"""The documents of an XDM archive are deposited together: their metadata must agree with the files and the CDAs."""

import zipfile
from dataclasses import replace
from uuid import UUID, uuid4

import httpx2
import pytest

from services.records.documents.domain import sealed_contents
from shared.contracts.records import DocumentReceived
from shared.crypto.vault import WrappedKey
from shared.fhir import cda_deposit
from shared.terminology import oids
from tests.infra.http.tokens import bearer, professional_token, software_token
from tests.infra.load.documents import Person
from tests.infra.records.cdas import a_cda
from tests.infra.records.records_api import CLINIC, DOCTOR, HOSPITAL, RecordsApi, as_patient
from tests.infra.records.xdms import (
    PDF,
    XdmDocument,
    a_pdf,
    an_archive,
    association,
    cx,
    metadata_of,
    zip_of,
)

SOMEBODY, SOMEBODY_ELSE = Person(73), Person(74)
VISIBILITY = ("MASQUE_PS", "Masqué aux professionnels", oids.VISIBILITY)
NORMAL = ("N", "Normal", oids.CONFIDENTIALITY)


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


async def send(api: RecordsApi, body: bytes, organisation: str = HOSPITAL) -> httpx2.Response:
    headers = {**bearer(software_token("software-1", organisation)), "content-type": "application/zip"}
    return await api.client.post("/xdm", content=body, headers=headers)


def cda(person: Person = SOMEBODY, *, replaces: UUID | None = None, **changed: object) -> XdmDocument:
    """Returns a CDA with metadata that agree with it, but for what is changed."""
    unique_id = uuid4()
    content = a_cda(person, unique_id, replaces=replaces)
    fields: dict[str, object] = {"content": content, "person": person, "unique_id": str(unique_id)}
    return XdmDocument(**(fields | {"replaces": replaces is not None} | changed))  # type: ignore[arg-type]


async def shown(api: RecordsApi, document_id: str) -> dict[str, object]:
    answer = await api.get(f"/fhir/DocumentReference/{document_id}", software_token("software-1", HOSPITAL))
    assert answer.status_code == 200, answer.text
    reference: dict[str, object] = answer.json()
    return reference


async def test_a_cda_and_a_pdf_are_deposited_together_and_given_back(api: RecordsApi, record: UUID) -> None:
    first = cda(codes={"confidentiality": [NORMAL, VISIBILITY]}, title="Titre des métadonnées")
    second = a_pdf(SOMEBODY, uuid4())
    answer = await send(api, an_archive(first, second))
    assert answer.status_code == 201, answer.text
    documents = answer.json()["documents"]
    assert answer.headers["location"] == f"/deposits/{answer.json()['deposit_id']}"
    received = await api.announced(DocumentReceived)
    assert [event.labels for event in received] == [("N", "MASQUE_PS"), ("N",)]
    await api.decide(*(UUID(document["document_id"]) for document in documents))
    token = software_token("software-1", HOSPITAL)
    contents = [(await api.get(f"/fhir/Binary/{each['document_id']}", token)).content for each in documents]
    assert contents == [first.content, PDF]
    reference = str(await shown(api, documents[0]["document_id"]))
    for part in ("Titre des métadonnées", "IPP-4711", "DR Camille INVENTÉE", "Hôpital inventé", "18748-4", "ZBQK002"):
        assert part in reference, part
    assert "2026-10-01T07:00:00Z" in reference, "the times of XDS are in UTC"
    assert "Annexe inventée" in str(await shown(api, documents[1]["document_id"]))


async def test_what_the_metadata_leave_out_follows_from_the_header(api: RecordsApi, record: UUID) -> None:
    bare = cda(
        title=None,
        unique_id=None,
        patient_id=None,
        authors=False,
        slots=dict.fromkeys(
            ("creationTime", "languageCode", "serviceStartTime", "sourcePatientInfo", "legalAuthenticator")
        ),
        codes=dict.fromkeys(("class", "confidentiality", "format", "facility", "practice", "type")),
    )
    answer = await send(api, an_archive(bare))
    assert answer.status_code == 201, answer.text
    document_id = answer.json()["documents"][0]["document_id"]
    await api.decide(UUID(document_id))
    assert "Imagerie inventée" in str(await shown(api, document_id))
    pdf = replace(bare, content=PDF, mime_type="application/pdf", file="A.PDF")
    refused = await send(api, an_archive(pdf))
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["detail"].count("it is mandatory")) == ("element-missing", 11)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_the_archive_is_kept_byte_for_byte(api: RecordsApi, record: UUID, compression: int) -> None:
    pdf = replace(a_pdf(SOMEBODY, uuid4()), content=PDF + bytes(range(256)) * 40)
    body = an_archive(cda(), pdf, compression=compression)
    documents = (await send(api, body)).json()["documents"]
    [row] = await api.pool.fetch("select deposit_id, body as sealed from deposit_requests")
    [key] = await api.pool.fetch("select * from record_keys where record_id = $1", record)
    opened = api.vault.unwrap(record, WrappedKey(key["kid"], key["wrapped"]))
    rows = await api.pool.fetch("select document_id, content from contents")
    contents = {
        row["document_id"]: sealed_contents.open_content(opened, row["document_id"], row["content"]) for row in rows
    }
    assert {UUID(document["document_id"]) for document in documents} == contents.keys()
    assert sealed_contents.open_request(opened, row["deposit_id"], row["sealed"], contents) == body
    if compression == zipfile.ZIP_STORED:
        assert len(row["sealed"]) < len(pdf.content), "the request repeats no content that is stored as it is"


async def test_the_same_document_again_gets_the_same_deposit_by_any_door(api: RecordsApi, record: UUID) -> None:
    document = cda()
    first = (await send(api, an_archive(document))).json()
    again = await send(api, an_archive(document, compression=zipfile.ZIP_STORED))
    assert (again.status_code, again.json()["deposit_id"]) == (201, first["deposit_id"])
    by_fhir = await api.deposit(cda_deposit.bundle_of_cda(document.content))
    assert by_fhir.headers["location"] == f"/deposits/{first['deposit_id']}"
    other = replace(document, content=document.content.replace(b"Rien", b"Tout"))
    answer = await send(api, an_archive(other))
    assert (answer.status_code, answer.json()["code"]) == (409, "unique-id-taken")


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        *(("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-8", "utf-16")),
        *(("utf-8-sig", "UTF-8"), ("iso-8859-1", "ISO-8859-1"), ("utf-8", "utf8")),
    ],
)
async def test_metadata_are_read_in_their_encoding(api: RecordsApi, record: UUID, encoding: str, declared: str) -> None:
    document = cda(title="Épreuve d'effort")
    answer = await send(api, an_archive(document, metadata=metadata_of([document], encoding=declared).encode(encoding)))
    assert answer.status_code == 201, answer.text
    document_id = answer.json()["documents"][0]["document_id"]
    await api.decide(UUID(document_id))
    assert "Épreuve d'effort" in str(await shown(api, document_id))


async def test_names_are_compared_without_case_and_uris_may_be_encoded(api: RecordsApi, record: UUID) -> None:
    document = cda(file="doc 1.xml", slots={"URI": ["./DOC%201.XML"]})
    answer = await send(api, an_archive(document, folder="ihe_xdm/Subset07").replace(b"METADATA.XML", b"Metadata.xml"))
    assert answer.status_code == 201, answer.text


async def test_several_submission_sets_of_one_person_are_one_deposit(api: RecordsApi, record: UUID) -> None:
    first, second = cda(), a_pdf(SOMEBODY, uuid4())
    files = {}
    for folder, document in (("SUBSET01", first), ("SUBSET02", second)):
        files[f"IHE_XDM/{folder}/METADATA.XML"] = metadata_of([document]).encode()
        files[f"IHE_XDM/{folder}/{document.file}"] = document.content
    answer = await send(api, zip_of(files))
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["documents"]) == 2


async def test_a_replacement_needs_association_and_related_document(api: RecordsApi, record: UUID) -> None:
    old = cda()
    document_id = UUID((await send(api, an_archive(old))).json()["documents"][0]["document_id"])
    await api.decide(document_id)
    target = UUID(old.unique_id)
    for half in (replace(cda(replaces=target), replaces=False), replace(cda(), replaces=True)):
        answer = await send(api, an_archive(half))
        assert (answer.status_code, answer.json()["code"]) == (422, "replacement-mismatch")
    pdf = replace(a_pdf(SOMEBODY, uuid4()), replaces=True)
    assert (await send(api, an_archive(pdf))).json()["code"] == "replacement-mismatch"
    new = cda(replaces=target)
    assert (await send(api, an_archive(new), CLINIC)).status_code in (403, 422)
    answer = await send(api, an_archive(new))
    assert answer.status_code == 201, answer.text
    unknown = await send(api, an_archive(cda(replaces=uuid4())))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "replaced-document-unknown")


def _wrong() -> dict[str, tuple[bytes, str]]:
    other = a_cda(SOMEBODY_ELSE, uuid4())
    first, second = cda(), cda(file="DOC0002.XML")
    without_list = metadata_of([first], associations=False).encode()
    plain = metadata_of([first])
    twice = metadata_of([first, second]).replace("Document02", "Document01")
    several = [replace(second, person=SOMEBODY_ELSE, content=other, unique_id=None), first]
    return {
        "hash": (an_archive(cda(slots={"hash": ["0" * 40]})), "hash-mismatch"),
        "no hash": (an_archive(cda(slots={"hash": None})), "element-missing"),
        "size": (an_archive(cda(slots={"size": ["12"]})), "size-mismatch"),
        "no size": (an_archive(cda(slots={"size": None})), "element-missing"),
        "media type": (an_archive(cda(mime_type="application/pdf")), "media-type-differs"),
        "media type refused": (an_archive(cda(mime_type="application/x-thing")), "media-type-refused"),
        "unique id": (an_archive(cda(unique_id=str(uuid4()))), "unique-id-mismatch"),
        "unique id malformed": (an_archive(cda(unique_id="no id")), "element-invalid"),
        "ins": (an_archive(cda(patient_id=cx(SOMEBODY_ELSE))), "patient-inconsistent"),
        "ins malformed": (an_archive(cda(patient_id=f"12^^^&{oids.INS_NIR}&ISO^NH")), "ins-malformed"),
        "ins-c": (an_archive(cda(patient_id=f"12^^^&{oids.INS_C}&ISO^NH")), "ins-system-unknown"),
        "cda of another": (an_archive(cda(content=other, unique_id=None)), "patient-mismatch"),
        "type": (an_archive(cda(codes={"type": [("11488-4", "CR", oids.LOINC)]})), "type-mismatch"),
        "type unknown": (an_archive(cda(codes={"type": [("34105-7", "?", oids.LOINC)]})), "type-unknown"),
        "label": (an_archive(cda(codes={"confidentiality": [("SECRET", "?", "1.2.3")]})), "security-label-unknown"),
        "time": (an_archive(cda(slots={"creationTime": ["hier"]})), "element-invalid"),
        "period": (an_archive(cda(slots={"serviceStopTime": ["20250101"]})), "element-invalid"),
        "traits": (an_archive(cda(slots={"sourcePatientInfo": ["PID-5|AUTRE^CLAUDE^^^^^L"]})), "traits-mismatch"),
        "two persons": (an_archive(*several), "patient-inconsistent"),
        "file": (an_archive(cda(slots={"URI": ["DOC0009.XML"]})), "file-missing"),
        "no uri": (an_archive(cda(slots={"URI": None})), "file-missing"),
        "uri that leads out": (an_archive(cda(slots={"URI": ["../SUBSET01/DOC0001.XML"]})), "file-missing"),
        "uri of a url": (an_archive(cda(slots={"URI": ["http://127.0.0.1/DOC0001.XML"]})), "file-missing"),
        "one file twice": (an_archive(first, replace(second, slots={"URI": [first.file]})), "file-repeated"),
        "one id twice": (an_archive(first, replace(first, file="B.XML")), "entry-duplicate"),
        "not listed": (an_archive(first, metadata=without_list), "item-missing"),
        "folder": (
            an_archive(
                first,
                metadata=plain.replace(
                    "</rim:RegistryObjectList>",
                    f"{association('HasMember', 'SubmissionSet01', 'Folder01')}</rim:RegistryObjectList>",
                ).encode(),
            ),
            "item-not-supported",
        ),
        "one entry id twice": (an_archive(first, second, metadata=twice.encode()), "xdm-metadata-invalid"),
        "no metadata": (zip_of({"IHE_XDM/SUBSET01/DOC0001.XML": first.content}), "xdm-metadata-missing"),
        "metadata too deep": (zip_of({"IHE_XDM/A/B/METADATA.XML": plain.encode()}), "xdm-metadata-missing"),
        "metadata no xml": (an_archive(first, metadata=b"<a"), "xdm-metadata-invalid"),
        "metadata empty": (an_archive(first, metadata=b""), "xdm-metadata-invalid"),
        "metadata of another kind": (an_archive(first, metadata=b"<a/>"), "xdm-metadata-invalid"),
        "doctype": (
            an_archive(first, metadata=plain.replace("<lcm:S", "<!DOCTYPE a [<!ENTITY b 'c'>]>\n<lcm:S", 1).encode()),
            "xdm-metadata-invalid",
        ),
        "nested archive": (
            an_archive(replace(first, content=an_archive(first), mime_type="application/zip")),
            "media-type-refused",
        ),
        "cda is no xml": (an_archive(cda(content=b"<ClinicalDocument")), "xml-invalid"),
        "path": (zip_of({"../../etc/IHE_XDM/SUBSET01/METADATA.XML": b"<a/>"}), "archive-name-refused"),
        "not a zip": (first.content, "archive-invalid"),
        "no record": (
            an_archive(cda(SOMEBODY_ELSE)),
            "record-unknown",
        ),
    }


WRONG = _wrong()


@pytest.mark.parametrize("name", WRONG)
async def test_what_contradicts_itself_is_refused_with_its_cause(api: RecordsApi, record: UUID, name: str) -> None:
    body, code = WRONG[name]
    answer = await send(api, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert SOMEBODY.birth_name not in answer.text
    assert SOMEBODY.ins not in answer.text
    assert not await api.announced(DocumentReceived), "all documents of an archive, or none"


async def test_bombs_are_refused(api: RecordsApi, record: UUID) -> None:
    answer = await send(api, zip_of({"IHE_XDM/SUBSET01/METADATA.XML": bytes(15_000_000)}))
    assert (answer.status_code, answer.json()["code"]) == (413, "archive-too-large")
    large = zip_of({f"IHE_XDM/SUBSET01/{n}": bytes(range(256)) * 8000 for n in range(12)})
    assert (await send(api, large)).json()["code"] == "archive-too-large"


async def test_all_issues_are_returned_with_their_places(api: RecordsApi, record: UUID) -> None:
    first = cda(slots={"hash": ["0" * 40]})
    second = replace(a_pdf(SOMEBODY, uuid4()), slots={"size": ["1"], "languageCode": None})
    detail = (await send(api, an_archive(first, second))).json()["detail"]
    for part in ("ExtrinsicObject[1]: hash", "ExtrinsicObject[2]: size", "ExtrinsicObject[2]: Add languageCode"):
        assert part in detail


async def test_only_who_may_deposit_uses_this_door(api: RecordsApi, record: UUID) -> None:
    body, zipped = an_archive(cda()), {"content-type": "application/zip"}
    assert (await api.client.post("/xdm", content=body, headers=zipped)).status_code == 401
    patient = await api.client.post("/xdm", content=body, headers={**bearer(as_patient(record)), **zipped})
    assert patient.status_code == 403
    software = bearer(software_token("software-1", HOSPITAL))
    wrong = await api.client.post("/xdm", content=body, headers={**software, "content-type": "text/xml"})
    assert (wrong.status_code, wrong.json()["code"]) == (415, "media-type-unsupported")
    professional = bearer(professional_token(DOCTOR, organisation_id=HOSPITAL))
    assert (await api.client.post("/xdm", content=body, headers={**professional, **zipped})).status_code == 201
