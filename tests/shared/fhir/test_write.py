"""Written resources can be read back, and conform to the profiles."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.cda.errors import InvalidCdaError
from shared.fhir import answer_bundles, cda_deposit, iti65, write
from shared.fhir.answer_bundles import EntryResponse
from shared.fhir.bundle import parse_submission
from shared.fhir.capabilities import ServerDescription, capability_statement
from shared.fhir.outcomes import ERROR_CODES, Issue, IssueType, Severity, operation_outcome
from shared.fhir.submission import Author, AuthorKind, Coding, SubmittedDocument
from shared.fhir.write import StoredDocument
from shared.moments import PartialDates
from shared.terminology import oids
from shared.terminology.documents import document_types
from shared.values import Ins, SentTraits, Sex
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.infra.platform.paths import DOCUMENTS

NOON = datetime(2026, 3, 12, 12, tzinfo=timezone(timedelta(hours=1)))
INS = Ins("258077511402542", oids.INS_NIR_TEST)
BIOLOGY = document_types()["11502-2"]
# The elements that the comprehensive profile makes mandatory in addition to FHIR (PDSm 3.1.1).
MANDATORY = {"contained", "masterIdentifier", "status", "type", "category", "subject", "date", "author", "custodian"}
MANDATORY |= {"securityLabel", "content", "context"}
COMPARED = ["authors", "content", "content_type", "creation", "custodian", "facility_type", "format", "ins", "labels"]
COMPARED += ["language", "period_end", "period_start", "practice_setting", "title", "traits", "type"]

STORED = StoredDocument(
    id="0198c1a0-0000-8000-8000-000000000001",
    version=2,
    last_updated=NOON,
    status="current",
    unique_id="urn:oid:1.2.250.1.999.7.4^BIO-77",
    type=BIOLOGY,
    labels=("N", "MASQUE_PS"),
    date=NOON,
    authors=(
        Author(AuthorKind.PROFESSIONAL, "899700000017", "1990000015", "G15_10/SM26"),  # type: ignore[arg-type]
        Author(AuthorKind.DEVICE, None, "1990000015", "AUTOMATE"),  # type: ignore[arg-type]
        Author(AuthorKind.ORGANISATION, None, "1990000015"),  # type: ignore[arg-type]
        Author(AuthorKind.PATIENT),
    ),
    custodian="1990000015",  # type: ignore[arg-type]
    title="Examens",
    content_type="application/pdf",
    language="fr-FR",
    creation=NOON,
    size=43,
    sha1=bytes(20),
    url="Binary/0198c1a0-0000-8000-8000-000000000001",
    format=Coding(oids.TRE_A11_SYSTEM, "urn:ihe:iti:xds-sd:pdf:2008"),
    period_start=NOON,
    facility_type=Coding(oids.TRE_R02_SYSTEM, "SA07"),
    practice_setting=Coding(oids.TRE_A01_SYSTEM, "AMBULATOIRE"),
)


def test_an_outcome_carries_the_stable_code() -> None:
    issue = Issue("type-unknown", "Send another.", "Bundle.entry[1]", IssueType.CODE_INVALID, Severity.WARNING)
    assert json.loads(operation_outcome([issue])) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "warning",
                "code": "code-invalid",
                "details": {"coding": [{"system": ERROR_CODES, "code": "type-unknown"}]},
                "diagnostics": "Send another.",
                "expression": ["Bundle.entry[1]"],
            }
        ],
    }


def test_a_stored_document_is_written_without_the_patient_unless_asked() -> None:
    resource = json.loads(write.document_reference(STORED))
    assert "subject" not in resource
    assert INS.matricule not in str(resource)
    assert resource["meta"]["versionId"] == "2"
    assert resource["meta"]["lastUpdated"] == "2026-03-12T11:00:00Z"
    assert resource["masterIdentifier"] == {"system": "urn:oid:1.2.250.1.999.7.4", "value": "BIO-77"}
    assert [label["coding"][0]["code"] for label in resource["securityLabel"]] == ["N", "MASQUE_PS"]
    assert {reference["reference"] for reference in resource["author"]} == {f"#author-{n}" for n in (1, 2, 3, 4)}
    assert resource["content"][0]["attachment"]["hash"] == base64.b64encode(bytes(20)).decode()


def test_a_searchset_holds_resources_as_they_are() -> None:
    resource = write.document_reference(STORED)
    url = f"https://dmp.example/fhir/DocumentReference/{STORED.id}"
    warning = Issue("copies-old", "Try again.", severity=Severity.WARNING)
    bundle = json.loads(
        answer_bundles.searchset([(url, resource)], self_url="https://dmp.example/fhir", total=1, issues=[warning])
    )
    assert bundle["total"] == 1
    assert bundle["entry"][0] == {"fullUrl": url, "resource": json.loads(resource), "search": {"mode": "match"}}
    assert bundle["entry"][1]["search"] == {"mode": "outcome"}
    assert "entry" not in json.loads(answer_bundles.searchset([], self_url="https://dmp.example/fhir", total=0))


def test_a_transaction_is_answered_entry_by_entry() -> None:
    entries = [
        EntryResponse("201 Created", "List/1", 'W/"1"', (Issue("deposit-received", "It is being checked."),)),
        EntryResponse("201 Created"),
    ]
    answer = json.loads(answer_bundles.transaction_response(entries))
    assert answer["type"] == "transaction-response"
    assert answer["entry"][0]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert answer["entry"][1] == {"response": {"status": "201 Created"}}


def test_dates_are_given_as_precise_as_they_were_sent() -> None:
    dates = PartialDates("2026-03-12", "2026-03", "2026")
    written = json.loads(write.document_reference(replace(STORED, period_end=NOON, partial_dates=dates)))
    assert written["content"][0]["attachment"]["creation"] == "2026-03-12"
    assert written["context"]["period"] == {"start": "2026-03", "end": "2026"}
    whole = json.loads(write.document_reference(replace(STORED, period_end=NOON)))
    assert whole["context"]["period"] == {"start": "2026-03-12T11:00:00Z", "end": "2026-03-12T11:00:00Z"}


@pytest.mark.parametrize(
    ("effective_time", "period", "creation", "expected"),
    [
        ("20260312", '<low value="20260310"/><high value="20260311"/>', "2026-03-12", ("2026-03-10", "2026-03-11")),
        ("202603", '<low value="2026"/>', "2026-03", ("2026", None)),
        ("2026", "", "2026", ("2026", None)),
        ("20260312", '<high value="20260311"/>', "2026-03-12", ("2026-03-11", "2026-03-11")),
        (
            "202603121415+0100",
            '<low value="20260312140000+0100"/><high value="20260312"/>',
            "2026-03-12T14:15:00+01:00",
            ("2026-03-12T14:00:00+01:00", "2026-03-12"),
        ),
        (
            "20260312",
            '<low value="20260312233000-0400"/><high value="20260312"/>',
            "2026-03-12",
            ("2026-03-12T23:30:00-04:00", "2026-03-12"),
        ),
    ],
)
def test_the_dates_of_a_cda_keep_their_precision(
    effective_time: str, period: str, creation: str, expected: tuple[str, str | None]
) -> None:
    document = json.loads(cda_deposit.bundle_of_cda(with_dates(effective_time, period)))["entry"][1]["resource"]
    assert document["content"][0]["attachment"]["creation"] == creation
    assert (document["context"]["period"]["start"], document["context"]["period"].get("end")) == expected
    parse_submission(cda_deposit.bundle_of_cda(with_dates(effective_time, period)))


@pytest.mark.parametrize(
    "period",
    [
        '<low value="20260312"/><high value="20260311"/>',
        '<low value="20260312140000+0100"/><high value="20260312135959+0100"/>',
        '<low value="202603"/><high value="202602"/>',
    ],
)
def test_a_cda_whose_act_ends_before_it_begins_is_refused(period: str) -> None:
    with pytest.raises(cda_deposit.UndepositableError, match="ends before it begins"):
        cda_deposit.deposit_of_cda(with_dates("20260312141500+0100", period))


def with_dates(effective_time: str, period: str) -> bytes:
    """Returns a CDA with this effectiveTime, and this period of its act."""
    content = (DOCUMENTS / "consultation.xml").read_text()
    content = content.replace('<effectiveTime value="20260312141500+0100"', f'<effectiveTime value="{effective_time}"')
    return re.sub(
        r"<effectiveTime>\s*<low.*?</effectiveTime>",
        f"<effectiveTime>{period}</effectiveTime>",
        content,
        count=1,
        flags=re.DOTALL,
    ).encode()


def test_a_binary_holds_its_content_in_base64() -> None:
    assert json.loads(write.binary("7", "text/plain", b"abc"))["data"] == "YWJj"


def test_metadata_says_what_the_server_can_do() -> None:
    server = ServerDescription("https://dmp.example/fhir", "https://id.dmp.example/oauth/token", "1.0")
    statement = json.loads(capability_statement(server, datetime(2026, 1, 1, tzinfo=UTC)))
    assert_fhir_resource(statement)
    assert (statement["fhirVersion"], statement["date"]) == ("4.0.1", "2026-01-01T00:00:00Z")
    assert (statement["implementation"]["url"], statement["software"]["version"]) == (server.base_url, "1.0")
    [rest] = statement["rest"]
    assert [interaction["code"] for interaction in rest["interaction"]] == ["transaction"]
    assert "_count" in {parameter["name"] for parameter in rest["searchParam"]}
    [smart] = rest["security"]["extension"]
    assert smart["extension"] == [{"url": "token", "valueUri": server.token_endpoint}]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "OAuth"
    kinds = {
        resource["type"]: [i["code"] for i in resource["interaction"]] for resource in statement["rest"][0]["resource"]
    }
    assert kinds == {
        "DocumentReference": ["read", "search-type", "patch"],
        "Binary": ["read"],
        "List": ["read"],
        "Patient": ["search-type"],
        "ExplanationOfBenefit": ["search-type"],
        "Observation": ["create", "read", "search-type"],
    }


def same(document: SubmittedDocument, deposit: iti65.Deposit) -> None:
    """Asserts that every value of a deposit is read back equal."""
    for name in COMPARED:
        assert getattr(document, name) == (getattr(deposit, name) or None), name
    assert deposit.unique_id in (None, document.unique_id)


@pytest.mark.parametrize("name", ["consultation.xml", "biology-pdf.xml", "self-displaying.xml"])
def test_a_submission_made_from_a_cda_is_read_back_with_equal_values(name: str) -> None:
    deposit = cda_deposit.deposit_of_cda((DOCUMENTS / name).read_bytes(), visibility=("MASQUE_PS",))
    body = iti65.bundle(deposit)
    submission = parse_submission(body)
    same(submission.documents[0], deposit)
    assert submission.documents[0].labels == ("N", "MASQUE_PS")
    resource = json.loads(body)["entry"][1]["resource"]
    assert resource.keys() >= MANDATORY
    assert ("relatesTo" in resource) == (name == "consultation.xml")


def test_the_same_deposit_gives_the_same_bytes_and_another_one_other_ids() -> None:
    content = (DOCUMENTS / "consultation.xml").read_bytes()
    assert cda_deposit.bundle_of_cda(content) == cda_deposit.bundle_of_cda(content)
    other = content.replace(b"12/8", b"13/8")
    assert (
        parse_submission(cda_deposit.bundle_of_cda(content)).unique_id
        != parse_submission(cda_deposit.bundle_of_cda(other)).unique_id
    )


def test_a_submission_is_made_from_a_pdf_and_what_is_told_of_it() -> None:
    deposit = iti65.Deposit(
        content=b"%PDF-1.4",
        content_type="application/pdf",
        ins=INS,
        type=BIOLOGY,
        title="Examens",
        creation=NOON,
        period_start=NOON,
        authors=(Author(AuthorKind.ORGANISATION, None, "1990000015"),),  # type: ignore[arg-type]
        custodian="1990000015",  # type: ignore[arg-type]
        traits=SentTraits("Lévy", "Odile Rose", "1958-07-14", Sex.FEMALE, "75114"),
    )
    (document,) = parse_submission(iti65.bundle(deposit)).documents
    assert document.format.code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert document.traits == deposit.traits
    assert document.unique_id.startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"258077511402542", b"123"),
        (b"1.2.250.1.213.1.4.10", b"1.2.250.1.213.1.4.2"),
        (b'code="11488-4"', b'code="34105-7"'),
        (b'confidentialityCode code="N"', b'confidentialityCode code="L"'),
        (b"<author>", b"<informant>"),
    ],
)
def test_a_cda_that_cannot_be_deposited_is_told_so(old: bytes, new: bytes) -> None:
    content = (DOCUMENTS / "consultation.xml").read_bytes().replace(old, new).replace(b"</author>", b"</author>")
    if new == b"<informant>":
        content = content.replace(b"</author>", b"</informant>")
    with pytest.raises(cda_deposit.UndepositableError):
        cda_deposit.deposit_of_cda(content)
    with pytest.raises(InvalidCdaError):
        cda_deposit.deposit_of_cda(b"%PDF")
