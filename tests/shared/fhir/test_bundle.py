"""An ITI-65 submission is read, or refused with codes and places that say what to correct; never anything else."""

import base64
import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fhir.bundle import parse_submission
from shared.fhir.node import parse_moment
from shared.fhir.submission import Author, AuthorKind, InvalidSubmissionError, Relation, Submission
from shared.terminology import oids
from tests.infra.platform.paths import DOCUMENTS

Json = dict[str, Any]
GOOD = (DOCUMENTS / "submission.json").read_bytes()


def good() -> Json:
    return json.loads(GOOD)  # type: ignore[no-any-return]


def parse(bundle: object) -> Submission:
    return parse_submission(json.dumps(bundle).encode())


def codes(bundle: object) -> list[str]:
    with pytest.raises(InvalidSubmissionError) as caught:
        parse(bundle)
    return [issue.code for issue in caught.value.issues]


def submission_set(bundle: Json) -> Json:
    return bundle["entry"][0]["resource"]  # type: ignore[no-any-return]


def reference(bundle: Json) -> Json:
    return bundle["entry"][1]["resource"]  # type: ignore[no-any-return]


def attachment(bundle: Json) -> Json:
    return reference(bundle)["content"][0]["attachment"]  # type: ignore[no-any-return]


def binary(bundle: Json) -> Json:
    return bundle["entry"][2]["resource"]  # type: ignore[no-any-return]


def put_content(bundle: Json, content: bytes, content_type: str = "application/pdf") -> None:
    binary(bundle).update(data=base64.b64encode(content).decode(), contentType=content_type)
    digest = base64.b64encode(hashlib.sha1(content).digest()).decode()
    attachment(bundle).update(size=len(content), hash=digest, contentType=content_type)


def test_a_submission_is_read() -> None:
    submission = parse_submission(GOOD)
    (document,) = submission.documents
    assert submission.entries == ("List", "DocumentReference", "Binary")
    assert submission.unique_id == "urn:oid:1.2.250.1.999.1.26.1"
    assert submission.source_id == "urn:oid:1.2.250.1.999.1"
    assert submission.ins is not None
    assert submission.ins.matricule == "258077511402542"
    assert (document.entry, document.binary_entry) == (1, 2)
    assert document.unique_id == "urn:oid:1.2.250.1.999.1.26.2"
    assert (document.type.code, document.type.class_code, document.class_sent) == ("11502-2", "10", "11")
    assert document.labels == ("N", "INVISIBLE_REPRESENTANTS_LEGAUX")
    assert document.authors == (Author(AuthorKind.PROFESSIONAL, "899700000017", "1990000015", "G15_10"),)  # type: ignore[arg-type]
    assert document.custodian is None
    assert document.content.startswith(b"%PDF")
    assert document.sha1 == hashlib.sha1(document.content).digest()
    assert document.traits is not None
    assert document.traits.normalised() == {
        "birth_name": "D ORMESSON LEVY",
        "given_name": "ODILE",
        "birth_date": "1958-07-14",
        "sex": "female",
    }


def test_the_base64_can_be_cut_out_of_the_body_and_put_back() -> None:
    (document,) = parse_submission(GOOD).documents
    span = document.content_span
    assert span is not None
    assert GOOD[: span.start] + base64.b64encode(document.content) + GOOD[span.end :] == GOOD


@pytest.mark.parametrize("written", ["escaped", "in lines", "stray bits"])
def test_base64_written_in_another_way_is_read_but_has_no_span(written: str) -> None:
    bundle = good()
    content = b"\xff\xfe\xff" * 30 + b"a"
    put_content(bundle, content)
    data = binary(bundle)["data"]
    assert data.endswith("YQ==")
    if written == "in lines":
        binary(bundle)["data"] = data[:76] + "\r\n" + data[76:]
    if written == "stray bits":
        binary(bundle)["data"] = data.removesuffix("YQ==") + "YR=="
    body = json.dumps(bundle).encode()
    if written == "escaped":
        body = body.replace(data.encode(), data.replace("/", "\\/").encode())
    (document,) = parse_submission(body).documents
    assert document.content == content
    assert document.content_span is None


def test_each_of_several_documents_has_its_own_span() -> None:
    bundle = good()
    second = deepcopy(bundle["entry"][1:])
    second[0]["fullUrl"], second[1]["fullUrl"] = "urn:uuid:second-document", "urn:uuid:second-binary"
    second[0]["resource"]["content"][0]["attachment"]["url"] = "urn:uuid:second-binary"
    second[0]["resource"]["masterIdentifier"]["value"] = "urn:oid:1.2.250.1.999.1.26.3"
    bundle["entry"] += second
    submission_set(bundle)["entry"].append({"item": {"reference": "urn:uuid:second-document"}})
    body = json.dumps(bundle).encode()
    documents = parse_submission(body).documents
    spans = [document.content_span for document in documents]
    assert spans[0] is not None
    assert spans[1] is not None
    assert spans[0].end < spans[1].start
    assert {body[span.start : span.end] for span in spans if span} == {base64.b64encode(documents[0].content)}


def _patient_entry(bundle: Json) -> None:
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": f"urn:oid:{oids.INS_NIR_TEST}", "value": "258077511402542"}],
    }
    request = {"method": "POST", "url": "Patient"}
    bundle["entry"].append({"fullUrl": "urn:uuid:patient", "resource": patient, "request": request})
    reference(bundle)["subject"] = {"reference": "urn:uuid:patient"}


def _xml_under_its_other_name(bundle: Json) -> None:
    put_content(bundle, b"<a/>", "text/xml")
    binary(bundle)["contentType"] = "application/xml; charset=utf-8"


VARIATIONS: dict[str, Callable[[Json], object]] = {
    "patient by identifier": lambda b: reference(b).update(
        subject={"identifier": {"system": f"urn:oid:{oids.INS_NIR_TEST}", "value": "2 58 07 75 114 025 42"}}
    ),
    "patient as entry": _patient_entry,
    "organisation as author": lambda b: reference(b).update(author=[{"reference": "#practice"}]),
    "author who did not come along": lambda b: reference(b).update(author=[{"reference": "PractitionerRole/7"}]),
    "no category": lambda b: reference(b).pop("category"),
    "no source patient": lambda b: reference(b)["context"].pop("sourcePatientInfo"),
    "no SubmissionSet identifier": lambda b: submission_set(b).pop("identifier"),
    "type under an OID": lambda b: reference(b)["type"]["coding"][0].update(system="urn:oid:2.16.840.1.113883.6.1"),
    "a type known elsewhere first": lambda b: reference(b)["type"]["coding"].insert(
        0, {"system": "http://x", "code": "y"}
    ),
    "xml under its other name": _xml_under_its_other_name,
    "end of period is a day": lambda b: reference(b)["context"].update(
        period={"start": "2026-03-12T14:00:00+01:00", "end": "2026-03-12"}
    ),
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_what_senders_write_differently_is_read(name: str) -> None:
    bundle = good()
    VARIATIONS[name](bundle)
    ins = parse(bundle).ins
    assert ins is not None
    assert ins.matricule == "258077511402542"


def test_a_document_that_replaces_another_names_it() -> None:
    bundle = good()
    target = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.1.25.9"}}
    reference(bundle)["relatesTo"] = [{"code": "replaces", "target": target}]
    assert parse(bundle).documents[0].relations == (Relation("replaces", "urn:oid:1.2.250.1.999.1.25.9"),)


def test_all_faults_are_told_at_once_with_their_places() -> None:
    bundle = good()
    del reference(bundle)["type"], attachment(bundle)["title"]
    attachment(bundle)["size"] = 7
    with pytest.raises(InvalidSubmissionError) as caught:
        parse(bundle)
    assert not caught.value.malformed
    assert [(issue.code, issue.expression) for issue in caught.value.issues] == [
        ("element-missing", "Bundle.entry[1].resource.type"),
        ("element-missing", "Bundle.entry[1].resource.content[0].attachment.title"),
        ("size-mismatch", "Bundle.entry[1].resource.content[0].attachment.size"),
    ]


def test_what_was_sent_is_not_repeated_in_what_is_answered() -> None:
    bundle = good()
    reference(bundle)["subject"] = {"identifier": {"system": f"urn:oid:{oids.INS_NIR}", "value": "SECRETNAME"}}
    attachment(bundle)["title"] = "SECRETNAME" * 99
    reference(bundle)["masterIdentifier"]["value"] = "SECRETNAME"
    with pytest.raises(InvalidSubmissionError) as caught:
        parse(bundle)
    assert "SECRETNAME" not in f"{caught.value} {caught.value.issues}"
    assert "LEVY" not in repr(parse_submission(GOOD)).upper()


def test_the_number_of_issues_is_bounded() -> None:
    bundle = good()
    bundle["entry"] = [1] * 90
    with pytest.raises(InvalidSubmissionError) as caught:
        parse(bundle)
    assert len(caught.value.issues) == 51
    assert caught.value.issues[-1].code == "issues-omitted"
    assert codes({**bundle, "entry": [{}] * 1000}) == ["submission-too-large"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json-invalid"),
        (b"{", "json-invalid"),
        (b"[]", "json-invalid"),
        (b'"\xff"', "json-invalid"),
        (b"\x00" + GOOD, "json-invalid"),
        (b"<Bundle/>", "json-invalid"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "json-too-deep"),
        (b"[" * 1_000_000, "json-too-deep"),
    ],
)
def test_what_is_no_json_is_malformed(body: bytes, code: str) -> None:
    with pytest.raises(InvalidSubmissionError) as caught:
        parse_submission(body)
    assert caught.value.malformed
    assert [issue.code for issue in caught.value.issues] == [code]


def test_a_backslash_before_a_u_is_no_nul() -> None:
    bundle = good()
    attachment(bundle)["title"] = "\\u0000"
    assert parse(bundle).documents[0].title == "\\u0000"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANY_JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=10), SCALARS, max_size=3)


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [path] + [place for key, child in children for place in _places(child, (*path, key))]


PLACES = [place for place in _places(good()) if place]


def _set(bundle: Any, place: tuple[str | int, ...], value: object) -> None:
    """Sets a value in the bundle, unless an earlier change removed its place."""
    try:
        for key in place[:-1]:
            bundle = bundle[key]
        bundle[place[-1]] = value
    except (KeyError, TypeError, IndexError):
        return


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ANY_JSON), min_size=1, max_size=4))
def test_any_json_in_any_place_is_read_or_refused(changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    bundle = good()
    for place, value in changes:
        _set(bundle, place, value)
    try:
        parse_submission(json.dumps(bundle, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except InvalidSubmissionError as error:
        assert error.issues  # noqa: PT017 - either outcome is right


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int) -> None:
    for body in (noise, GOOD[:at] + noise + GOOD[at:], GOOD[:at]):
        try:
            parse_submission(body)
        except InvalidSubmissionError as error:
            assert error.issues  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2026-03-12T14:00:00+01:00", "end": "2026-03-12"},
        {"start": "2026-03-12T23:30:00-04:00", "end": "2026-03-12"},
        {"start": "2026-03-12T23:30:00Z", "end": "2026-03-13"},
        {"start": "2026-03-12", "end": "2026-03-12"},
        {"start": "2026-03-12", "end": "2026-03"},
        {"start": "2026-03-12", "end": "2026"},
        {"start": "2026", "end": "2026-03-12T14:00:00Z"},
        {"start": "2026-03"},
    ],
)
def test_a_period_is_kept_as_precise_as_it_was_sent(period: dict[str, str]) -> None:
    bundle = good()
    attachment(bundle)["creation"] = "2026-03-12"
    reference(bundle)["context"]["period"] = period
    [document] = parse(bundle).documents
    dates = document.partial_dates
    partial = {name: text for name, text in period.items() if "T" not in text}
    assert (dates.creation, dates.period_start, dates.period_end) == (
        "2026-03-12",
        partial.get("start"),
        partial.get("end"),
    )
    assert (document.period_start, document.period_end) == (
        parse_moment(period["start"]),
        parse_moment(period["end"]) if "end" in period else None,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-12T14:20:00.1234567890Z", datetime(2026, 3, 12, 14, 20, 0, 123456, UTC)),
        ("2026-03-12T14:20:00.1+01:00", datetime(2026, 3, 12, 13, 20, 0, 100000, UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2026-03-12", datetime(2026, 3, 11, 23, tzinfo=UTC)),
        ("2026-07", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("2026-03-12T14:20Z", None),
        ("2026-03-12T14:20:00", None),
        ("2026-03-12T14:20:61Z", None),
        ("2026-02-30", None),
    ],
)
def test_moments_are_read_as_fhir_writes_them(text: str, expected: datetime | None) -> None:
    assert parse_moment(text) == expected
