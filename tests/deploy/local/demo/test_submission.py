"""The Bundle that is made of a file."""

import base64
from pathlib import Path

import orjson
import pytest

from deploy.local.demo.credentials import STRUCTURES
from deploy.local.demo.letter import letter
from deploy.local.demo.people import invent
from deploy.local.demo.submission import StatedMetadata, UnusableFileError, bundle_of
from shared.fhir.bundle import parse_submission

PERSON = invent(5)
ABOUT_A_PDF = StatedMetadata(PERSON.ins, PERSON.oid, "11490-0", "Lettre", (), "1990000105")


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_cda_is_wrapped_by_its_header(tmp_path: Path) -> None:
    content = letter(PERSON, STRUCTURES["hospital"])
    submission = parse_submission(bundle_of(write(tmp_path, "a.xml", b"\xef\xbb\xbf" + content), StatedMetadata()))
    assert submission.ins is not None
    assert submission.ins.matricule == PERSON.ins
    assert submission.documents[0].type.code == "11490-0"
    assert submission.documents[0].content == b"\xef\xbb\xbf" + content


def test_a_pdf_is_wrapped_by_what_is_told_about_it(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", b"%PDF-1.4\n")
    [document] = parse_submission(bundle_of(path, ABOUT_A_PDF)).documents
    assert document.ins is not None
    assert (document.content_type, document.title, document.ins.matricule) == ("application/pdf", "Lettre", PERSON.ins)
    assert document.authors[0].organisation == "1990000105"


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    pdf = write(tmp_path, "a.pdf", b"%PDF-1.4\n")
    cda = write(tmp_path, "a.xml", letter(PERSON, STRUCTURES["hospital"]))
    assert bundle_of(pdf, ABOUT_A_PDF) == bundle_of(pdf, ABOUT_A_PDF)
    assert bundle_of(cda, StatedMetadata()) == bundle_of(cda, StatedMetadata())


def test_a_bundle_is_sent_as_it_is(tmp_path: Path) -> None:
    content = b' {"resourceType": "Bundle",\n "entry": []}'
    assert bundle_of(write(tmp_path, "a.json", content), StatedMetadata()) == content


def test_what_is_said_about_visibility_is_sent(tmp_path: Path) -> None:
    metadata = StatedMetadata(visibility=("INVISIBLE_PATIENT",))
    path = write(tmp_path, "a.xml", letter(PERSON, STRUCTURES["hospital"]))
    bundle = orjson.loads(bundle_of(path, metadata))
    assert "INVISIBLE_PATIENT" in orjson.dumps(bundle["entry"][1]).decode()
    assert base64.b64decode(bundle["entry"][2]["resource"]["data"]) == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "metadata", "reason"),
    [
        ("a.pdf", b"%PDF-1.4", StatedMetadata(), "a PDF contains no metadata: add --ins --oid --type --title"),
        ("a.pdf", b"%PDF-1.4", StatedMetadata("1", PERSON.oid, "11490-0", "x"), "not an INS"),
        ("a.pdf", b"%PDF-1.4", StatedMetadata(PERSON.ins, PERSON.oid, "nonsense", "x"), "not a document type"),
        ("a.txt", b"hello", StatedMetadata(), "neither a CDA"),
        ("a.txt", b"", StatedMetadata(), "neither a CDA"),
        ("a.json", b"{", StatedMetadata(), "not valid JSON"),
        ("a.json", b"{}", StatedMetadata(), "no FHIR Bundle"),
        ("a.xml", b"<a/>", StatedMetadata(), "ClinicalDocument"),
    ],
)
def test_what_cannot_be_sent_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes, metadata: StatedMetadata, reason: str
) -> None:
    with pytest.raises(UnusableFileError) as caught:
        bundle_of(write(tmp_path, name, content), metadata)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert reason in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match="no such file"):
        bundle_of(tmp_path / "missing.xml", StatedMetadata())
