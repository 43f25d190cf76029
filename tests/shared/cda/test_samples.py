"""Every published CDA is read, deposited and read back; invented ones when the samples are not available."""

import os
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from shared.cda.header import read_header
from shared.cda.summary import parse_time
from shared.cda.xml import check_xml
from shared.fhir import cda_deposit, iti65
from shared.fhir.bundle import parse_submission
from shared.fhir.submission import InvalidSubmissionError
from tests.infra.platform.paths import ROOT
from tests.shared.fhir.test_write import same

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples"))
INVENTED = sorted((ROOT / "tests" / "documents").glob("*.xml"))
PUBLISHED = sorted((SAMPLES / "cda").glob("*.xml"))
LETTER = ROOT / "deploy" / "local" / "demo" / "documents" / "discharge-letter.xml"


@pytest.mark.parametrize("path", [*INVENTED, *PUBLISHED], ids=lambda path: path.name)
def test_a_cda_is_read_and_deposited_with_equal_values(path: Path) -> None:
    content = path.read_bytes()
    header = read_header(content)
    summary = check_xml(content)
    assert summary is not None
    names = ("ins", "traits", "unique_id", "type", "replaces")
    assert [getattr(summary, name) for name in names] == [getattr(header, name) for name in names]
    assert parse_time(summary.effective_time) == header.effective_time
    assert summary.confidentiality == header.confidentiality
    deposit = cda_deposit.deposit_of_cda(content, visibility=("INVISIBLE_PATIENT",))
    body = iti65.bundle(deposit)
    (document,) = parse_submission(body).documents
    same(document, deposit)
    assert document.content_span is not None


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "fhir").glob("*/Bundle-*.json")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_published_bundle_is_read_or_refused_for_what_it_is(path: Path) -> None:
    refused = {
        "Bundle-example-td2-1-remplacement": ["update-not-supported"],
        "Bundle-cds-bundle-transaction-creation-example": ["resource-not-supported"] * 3
        + ["document-missing", "submission-set-missing"],
    }
    if path.stem == "Bundle-example-td2-iti65-lot-soumission":
        assert parse_submission(path.read_bytes()).documents[0].unique_id == "urn:oid:1.2.250.1.213.1.4.8.99999.2"
        return
    with pytest.raises(InvalidSubmissionError) as caught:
        parse_submission(path.read_bytes())
    codes = [issue.code for issue in caught.value.issues]
    assert codes == refused.get(path.stem, ["bundle-type-unexpected"])


def test_the_letter_of_the_demo_is_whole_once_its_markers_are_filled() -> None:
    values = {
        "DOCUMENT_ID": "5f0e1f3e-8a39-4e7e-9b8b-0a5f3c1d2e4f",
        "SET_ID": "5f0e1f3e-8a39-4e7e-9b8b-0a5f3c1d2e50",
        "CREATED": "20260312141500+0100",
        "STAY_START": "20260308100000+0100",
        "STAY_END": "20260312140000+0100",
        "INS": "258077511402542",
        "INS_OID": "1.2.250.1.213.1.4.10",
        "BIRTH_NAME": "L'Éveillé & fils",
        "GIVEN_NAME": "Odile",
        "BIRTH_DATE": "19580714",
        "SEX": "F",
        "BIRTH_PLACE": "75114",
        "LOCAL_PATIENT_ID": "P-1",
        "HOSPITAL_OID": "1.2.250.1.999.1",
        "HOSPITAL_ID": "1990000015",
        "HOSPITAL_NAME": "Hôpital inventé",
        "DOCTOR_ID": "899700000017",
        "DOCTOR_NAME": "Inventé",
        "DOCTOR_GIVEN_NAME": "Basile",
    }
    text = LETTER.read_text(encoding="utf-8")
    for name, value in values.items():
        assert f"{{{{{name}}}}}" in text
        assert f"`{{{{{name}}}}}`" in (LETTER.parent / "README.md").read_text(encoding="utf-8")
        text = text.replace(f"{{{{{name}}}}}", escape(value, {'"': "&quot;"}))
    assert "{{" not in text
    (document,) = parse_submission(cda_deposit.bundle_of_cda(text.encode())).documents
    assert document.type.code == "11490-0"
    assert document.format.code == "urn:asip:ci-sis:ldl-ses:2017"
    assert document.traits is not None
    assert len(document.traits.normalised()) == 5
