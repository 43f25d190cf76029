"""The FHIR check of the API tests detects resources that are not valid FHIR R4."""

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from tests.infra.fhir.oracle import NotFhirError, assert_fhir_resource

CONSENT: dict[str, Any] = {
    "resourceType": "Consent",
    "id": "one",
    "meta": {"lastUpdated": "2026-11-22T09:00:00+01:00"},
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "patient": {"reference": "Patient/1"},
    "provision": {"type": "permit", "period": {"start": "2026-11-22"}},
}


def in_bundle(resource: dict[str, Any]) -> dict[str, Any]:
    entry = {"fullUrl": "http://x.test/fhir/Consent/one", "resource": resource, "search": {"mode": "match"}}
    return {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [entry]}


def test_what_is_fhir_passes() -> None:
    assert_fhir_resource(CONSENT)
    assert_fhir_resource(in_bundle(CONSENT))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"holder": "x"}, ValidationError),
        ({"status": None}, ValidationError),
        ({"status": "unheard-of"}, NotFhirError),
        ({"patient": "Patient/1"}, ValidationError),
        ({"patient": {}}, NotFhirError),
        ({"category": []}, NotFhirError),
        ({"dateTime": "2026-11-22T09:00:00"}, ValidationError),
        ({"id": "a b"}, ValidationError),
        ({"provision": {"type": "perhaps"}}, NotFhirError),
        ({"provision": {"actor": [{"reference": {"display": "x"}}]}}, ValidationError),
    ],
    ids=str,
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_none_is_found_alone_and_in_a_bundle(
    changes: dict[str, Any], error: type[Exception], wrapped: bool
) -> None:
    wrong = deepcopy(CONSENT) | changes
    with pytest.raises(error):
        assert_fhir_resource(in_bundle(wrong) if wrapped else wrong)


def test_a_type_that_nobody_has_looked_at_is_told() -> None:
    with pytest.raises(NotFhirError, match="Evidence"):
        assert_fhir_resource({"resourceType": "Evidence", "status": "active"})
