"""The parameters of a search, whatever form they come in."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.documents.api.search import parse_query
from services.records.kit.forms import SearchError, parse_form
from shared.http.prefer import is_lenient
from tests.infra.records.records_api import RING

RECORD = UUID("11111111-1111-4111-8111-111111111111")


BASE = "https://dmp.example/fhir"
INS = "urn:oid:1.2.250.1.213.1.4.10|279035121518989"


@given(st.binary(max_size=300), st.booleans())
def test_no_form_whatever_breaks_the_search(form: bytes, ignores_unknown: bool) -> None:
    try:
        query = parse_query(RING, parse_form(form), BASE, is_lenient=ignores_unknown).query
    except SearchError:
        return
    assert 0 <= query.count <= 100
    assert query.statuses


def test_the_parameters_of_a_search() -> None:
    query = parse_query(RING, parse_form(f"patient.identifier={INS}&status=current".encode())).query
    assert query.record.id is None
    assert [ins_fingerprint.partition(".")[0] for ins_fingerprint in query.record.ins_fingerprints] == [
        "hmac-2",
        "hmac-1",
    ]
    assert (query.count, query.statuses) == (50, frozenset({"current"}))
    query = parse_query(RING, {"patient": f"Patient/{RECORD}", "status": "superseded", "_count": "5000"}).query
    assert (query.record.id, query.count, query.statuses) == (RECORD, 100, frozenset({"superseded"}))


@pytest.mark.parametrize("name", ["patient", "patient:Patient", "subject", "subject:Patient"])
@pytest.mark.parametrize(
    "reference",
    [
        f"{RECORD}",
        f"Patient/{RECORD}",
        f"https://dmp.example/fhir/Patient/{RECORD}",
        f"http://dmp.example/fhir/Patient/{RECORD}",
    ],
)
def test_a_patient_is_named_by_any_reference_to_it(name: str, reference: str) -> None:
    assert parse_query(RING, {name: reference, "status": "current"}, BASE).query.record.id == RECORD


IDENTIFIERS = ["patient.identifier", "patient:identifier", "subject.identifier", "subject:identifier"]


@pytest.mark.parametrize("name", IDENTIFIERS)
def test_a_patient_is_named_by_an_identifier(name: str) -> None:
    assert parse_query(RING, {name: INS, "status": "current"}, BASE).query.record.id is None


@pytest.mark.parametrize(
    ("name", "refused", "refused_leniently"),
    [
        ("_pretty", True, False),
        ("_include", True, False),
        ("facility", True, False),
        ("status:not", True, True),
        ("patient.name", True, True),
        ("subject:Group", True, True),
        ("_count:exact", True, True),
    ],
)
def test_a_lenient_search_ignores_unknown_parameters_but_no_modifier(
    name: str, refused: bool, refused_leniently: bool
) -> None:
    parameters = {"patient": str(RECORD), "status": "current", name: "x"}
    for ignores_unknown, is_refused in ((False, refused), (True, refused_leniently)):
        try:
            search = parse_query(RING, parameters, BASE, is_lenient=ignores_unknown)
        except SearchError:
            assert is_refused
        else:
            assert not is_refused
            assert search.link_parameters(None) == {"patient": f"Patient/{RECORD}", "status": "current"}


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("handling=lenient", True),
        ("wait=2, handling=Lenient", True),
        ('respond-async; x=1, handling = "lenient"', True),
        ("handling=strict", False),
        ("handling=leniently", False),
        (None, False),
    ],
)
def test_handling_is_lenient_where_prefer_says_so(prefer: str | None, expected: bool) -> None:
    assert is_lenient(prefer) is expected
