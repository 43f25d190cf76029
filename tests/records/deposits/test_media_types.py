"""Contents are recognised by their bytes, whoever deposits them, and refused with the name of what was found."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.records.deposits.domain.media_types import (
    ARCHIVE,
    DICOM,
    DOC,
    DOCX,
    FHIR_JSON,
    HTML,
    IN_SUBMISSIONS,
    JPEG,
    MACROS,
    OLE,
    OTHER_IMAGE,
    OWN,
    PDF,
    PNG,
    PROGRAM,
    RTF,
    TEXT,
    TIFF,
    UNKNOWN,
    XML,
    ContentFormat,
    content_fault,
    recognised,
)
from shared.terminology.documents import document_types
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.office import a_pdf
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient, bundle_of, codes

SOMEBODY = Person(88)
_ZIP = b"PK\x03\x04\x14\x00\x00\x00"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
_WORD = _ZIP + b"[Content_Types].xml ... word/document.xml"
CONTENTS: list[tuple[bytes, ContentFormat]] = [
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", PDF),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", JPEG),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", PNG),
    (b"II*\x00\x08\x00\x00\x00", TIFF),
    (b"MM\x00*\x00\x00\x00\x08", TIFF),
    (b"{\\rtf1\\ansi Compte rendu}", RTF),
    (b"<?xml version='1.0'?><ClinicalDocument/>", XML),
    (b"\xef\xbb\xbf <ClinicalDocument xmlns='urn:hl7-org:v3'></ClinicalDocument>\n", XML),
    (b"<!-- a --><a/>", XML),
    ("Compte rendu d’été,\r\n\tsuite".encode(), TEXT),
    ("\ufeffCompte rendu".encode(), TEXT),
    (b"<5 mg/l", TEXT),
    (b"MZ is no program", TEXT),
    (b'{"a": 1}', TEXT),
    (b'{"resourceType": 5}', TEXT),
    (b'{"resourceType": "Bundle",', TEXT),
    (b' {"resourceType": "Bundle", "type": "document"}', FHIR_JSON),
    (bytes(128) + b"DICM\x02\x00", DICOM),
    (_OLE + "WordDocument".encode("utf-16-le"), DOC),
    (_OLE, OLE),
    (_WORD, DOCX),
    (_WORD + b"word/vbaProject.bin", MACROS),
    (_ZIP + b"letter.txt", ARCHIVE),
    (b"\x1f\x8b\x08\x00", ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (b"Rar!\x1a\x07\x00", ARCHIVE),
    (b"a".ljust(257, b"\0") + b"ustar\x0000", ARCHIVE),
    (b"\x7fELF\x02\x01", PROGRAM),
    (b"MZ\x90\x00\x03", PROGRAM),
    (b"#!/bin/sh\necho", PROGRAM),
    (b"\xcf\xfa\xed\xfe\x07", PROGRAM),
    (b"<html><script>alert(1)</script></html>", HTML),
    (b"\n<!DOCTYPE html>\n<title>a</title>", HTML),
    (b"<?xml version='1.0'?><!-- a --><h:html xmlns:h='http://www.w3.org/1999/xhtml'/>", HTML),
    (b"GIF89a\x01\x00", OTHER_IMAGE),
    (b"BM\x00\x00\x00\x00", OTHER_IMAGE),
    (b"%PDF", TEXT),
    (b"%PDF-letter", TEXT),
    (b"", UNKNOWN),
    ("Compte rendu d'été".encode("latin-1"), UNKNOWN),
    ("Compte rendu".encode("utf-16"), UNKNOWN),
    (b"a\x00b", UNKNOWN),
    (b"a\x1bb", UNKNOWN),
    ("a\x9bb".encode(), UNKNOWN),
]


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.be_fresh()
    return record_id


@pytest.mark.parametrize(("content", "format_"), CONTENTS)
def test_a_content_is_recognised_by_its_bytes(content: bytes, format_: ContentFormat) -> None:
    assert recognised(content) is format_


@pytest.mark.parametrize("taken", [IN_SUBMISSIONS, OWN])
def test_each_content_is_taken_under_its_own_media_types_alone(taken: tuple[ContentFormat, ...]) -> None:
    stated = {name for format_ in (*IN_SUBMISSIONS, *OWN) for name in format_.media_types}
    stated |= {"text/html", "application/zip", "application/octet-stream", "image/svg+xml", "application/json"}
    xml, imaging = {"text/xml", "application/xml"}, document_types()["IMG-KOS"]
    for content, format_ in CONTENTS:
        accepted = {name for name in stated if content_fault(content, name.upper(), imaging, taken) is None}
        own = set(format_.media_types) if format_ in taken else set()
        read_elsewhere = xml if XML in taken and format_ in (TEXT, UNKNOWN) else set()
        assert accepted == own | read_elsewhere, content[:40]


def test_the_error_names_what_was_found_in_both_languages() -> None:
    fault = content_fault(b"MZ\x90\x00", "application/pdf", document_types()["11488-4"], IN_SUBMISSIONS)
    assert fault is not None
    assert str(fault) == "The content is an executable program, and not of the stated media type."
    assert fault.in_french() == "Le contenu est un programme exécutable, et non du format annoncé."
    fault = content_fault(b"\xff\xd8\xff", "application/pdf", document_types()["11488-4"], IN_SUBMISSIONS)
    assert fault is not None
    assert str(fault) == "The content is a JPEG image: its media type is image/jpeg."
    assert fault.in_french() == "Le contenu est une image JPEG : son format est image/jpeg."


REFUSED = [
    ("text/html", b"<html/>", "media-type-refused"),
    ("application/zip", b"PK\x03\x04", "media-type-refused"),
    ("application/octet-stream", b"\x7fELF", "media-type-refused"),
    ("application/pdf", b"Not a PDF", "media-type-differs"),
    ("application/pdf", b"MZ\x90\x00", "media-type-differs"),
    ("image/png", b"\xff\xd8\xff\xe0", "media-type-differs"),
    ("text/plain", b"<html/>", "media-type-differs"),
    ("text/plain", b"%PDF-1.4", "media-type-differs"),
    ("text/plain; charset=utf-8", b"a\x00b", "media-type-differs"),
    ("text/xml", b"<!DOCTYPE html><html/>", "media-type-differs"),
    ("text/xml", b"%PDF-1.4", "media-type-differs"),
    ("application/fhir+json", b"{}", "media-type-differs"),
    ("application/dicom", bytes(128) + b"DICM", "media-type-not-for-type"),
]


@pytest.mark.parametrize(("content_type", "content", "code"), REFUSED)
async def test_a_submission_is_refused_with_the_place_of_a_content_that_is_not_taken(
    api: RecordsApi, record: UUID, content_type: str, content: bytes, code: str
) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=content, content_type=content_type)))
    assert (answer.status_code, codes(answer)) == (422, [code])
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[2].resource.data"]


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/xml", b"<a/>"),
        ("application/pdf", b"%PDF-1.4\n"),
        ("text/plain; charset=utf-8", "Été".encode()),
        ("text/rtf", b"{\\rtf1}"),
        ("application/fhir+json", b'{"resourceType": "Bundle"}'),
    ],
)
async def test_a_content_of_each_kind_comes_back_as_it_was_sent(
    api: RecordsApi, record: UUID, content_type: str, content: bytes
) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=content, content_type=content_type)))
    assert answer.status_code == 200, answer.text


async def test_dicom_is_taken_for_references_to_images(api: RecordsApi, record: UUID) -> None:
    kind, content = document_types()["IMG-KOS"], bytes(128) + b"DICM\x02\x00"
    deposit = a_deposit(SOMEBODY, content=content, content_type="application/dicom", type=kind)
    answer = await api.deposit(bundle_of(deposit))
    assert answer.status_code == 200, answer.text


async def test_a_patients_file_that_would_act_is_refused_in_both_languages(api: RecordsApi, record: UUID) -> None:
    content = base64.b64encode(a_pdf(b"<< /S /JavaScript /JS (app.alert) >>")).decode()
    body = {"title": "Mes volontés", "type": "EXPPAT_1", "content_type": "application/pdf", "content": content}
    for language, words in (("en", "a script (JavaScript)"), ("fr", "un script (JavaScript)")):
        headers = {**bearer(as_patient(record)), "accept-language": language}
        answer = await api.client.put(f"/records/{record}/documents/{uuid4()}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "active-content")
        assert words in answer.json()["detail"]
    assert await api.pool.fetchval("select count(*) from documents") == 0


@pytest.mark.parametrize(
    ("content_type", "content", "found"),
    [
        ("application/pdf", b"MZ\x90\x00", "an executable program"),
        ("text/plain", b"<html></html>", "an HTML page"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", _ZIP, "an archive"),
        ("application/msword", _OLE, "an OLE file"),
    ],
)
async def test_a_patient_sees_what_their_file_is(
    api: RecordsApi, record: UUID, content_type: str, content: bytes, found: str
) -> None:
    body: dict[str, Any] = {"title": "Mes volontés", "type": "EXPPAT_1", "content_type": content_type}
    body["content"] = base64.b64encode(content).decode()
    answer = await api.client.put(
        f"/records/{record}/documents/{uuid4()}", json=body, headers=bearer(as_patient(record))
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "media-type-differs")
    assert found in answer.json()["detail"]
