"""References in a Bundle are resolved as FHIR R4 says: by fullUrl, relative to it, and UUIDs in any case."""

from uuid import uuid4

import pytest

from shared.fhir.references import resolve
from tests.shared.fhir.test_bundle import Json, attachment, codes, good, parse, submission_set

BASE = "https://hospital.example/fhir"
UUID_URL = "urn:uuid:0f4c1ad2-6a3e-4b71-9a53-2f6c1d8e7b90"


@pytest.mark.parametrize(
    ("reference", "full_url", "expected"),
    [
        ("Binary/1", f"{BASE}/DocumentReference/7", f"{BASE}/Binary/1"),
        ("Binary/1/_history/2", f"{BASE}/DocumentReference/7", f"{BASE}/Binary/1"),
        ("Binary/1", f"{BASE}/DocumentReference/7/_history/3", f"{BASE}/Binary/1"),
        ("Binary/1", UUID_URL, "Binary/1"),
        (f"{BASE}/Binary/1", UUID_URL, f"{BASE}/Binary/1"),
        (UUID_URL.upper().replace("URN:UUID", "urn:uuid"), "", UUID_URL),
        ("#contained", f"{BASE}/DocumentReference/7", "#contained"),
        ("Patient?identifier=a|b", f"{BASE}/DocumentReference/7", "Patient?identifier=a|b"),
    ],
)
def test_a_reference_resolves_under_the_full_url_of_its_entry(reference: str, full_url: str, expected: str) -> None:
    assert resolve(reference, full_url) == expected


def restful(bundle: Json) -> Json:
    """The Bundle with RESTful fullUrls and relative references."""
    for entry, name in zip(bundle["entry"], ("List/l1", "DocumentReference/d1", "Binary/b1"), strict=True):
        entry["fullUrl"] = f"{BASE}/{name}"
    submission_set(bundle)["entry"] = [{"item": {"reference": "DocumentReference/d1"}}]
    attachment(bundle)["url"] = "Binary/b1"
    return bundle


def test_a_bundle_with_relative_references_is_read() -> None:
    assert len(parse(restful(good())).documents) == 1


def test_a_relative_reference_under_another_base_names_nothing_here() -> None:
    bundle = restful(good())
    bundle["entry"][2]["fullUrl"] = "https://other.example/fhir/Binary/b1"
    assert codes(bundle) == ["binary-missing", "binary-unused"]


@pytest.mark.parametrize("place", ["fullUrl", "reference"])
def test_a_uuid_is_the_same_in_any_case(place: str) -> None:
    bundle = good()
    url = f"urn:uuid:{uuid4()}"
    written = {"fullUrl": url, "reference": url, place: "urn:uuid:" + url[9:].upper()}
    bundle["entry"][2]["fullUrl"], attachment(bundle)["url"] = written["fullUrl"], written["reference"]
    assert len(parse(bundle).documents) == 1


def test_two_entries_under_one_uuid_in_two_cases_are_refused() -> None:
    bundle = good()
    url = f"urn:uuid:{uuid4()}"
    bundle["entry"][1]["fullUrl"], bundle["entry"][2]["fullUrl"] = url, "urn:uuid:" + url[9:].upper()
    assert "entry-duplicate" in codes(bundle)
