"""Checks every FHIR answer of the APIs under test against independent models of FHIR R4.

`fhir.resources` has no R4; its R4B is equal for the types that the APIs answer. Its models do not enforce required
codes, so they are checked here, and also that nothing is empty (http://hl7.org/fhir/R4/json.html).
"""

from collections.abc import Iterator
from typing import Any, Final

import httpx2
import orjson
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

from shared.fhir.write import FHIR_JSON

ANSWERED: Final = frozenset(
    {
        *("Binary", "Bundle", "CapabilityStatement", "Consent", "DocumentReference", "ExplanationOfBenefit", "List"),
        *("OperationOutcome", "Patient"),
        *("AdverseEvent", "AllergyIntolerance", "Condition", "DeviceUseStatement", "FamilyMemberHistory"),
        *("Immunization", "MedicationStatement", "Observation", "Procedure", "Provenance"),
        *("Composition", "Device", "Organization", "Practitioner"),
    }
)
"""Types of resources that are known to be equal in R4B and R4."""
_NO_CODES: Final = frozenset({"CapabilityStatement.format"})
"""An element that `fhir.resources` treats as a list of codes although the specification only comments on it."""
_MORE: Final = "+"
"""The end of a list of codes that the specification's summary cuts short (DeviceUseStatement.status)."""


class NotFhirError(AssertionError):
    """A fault in a resource, and its place."""


async def check_fhir(answer: httpx2.Response) -> None:
    """Hook of an httpx2 client. Raises the errors of `check_resource` for an answer of type FHIR JSON."""
    if answer.headers.get("content-type", "").startswith(FHIR_JSON) and await answer.aread():
        assert_fhir_resource(orjson.loads(answer.content))


def assert_fhir_resource(resource: dict[str, Any]) -> None:
    """Whole, with what it contains. Raises ValidationError, NotFhirError."""
    kind = resource["resourceType"]
    if kind not in ANSWERED:
        raise NotFhirError(f"{kind}: nobody has looked whether it is the same in R4B")
    model = get_fhir_model_class(kind).model_validate(resource)
    wrong = [*_empty(resource, kind), *_unknown_codes(model, kind)]
    if wrong:
        raise NotFhirError(f"{wrong} in {resource}")


def _empty(value: object, place: str) -> Iterator[str]:
    if value is None or value in ("", [], {}):
        yield f"{place} is empty"
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from _empty(part, f"{place}.{name}")


def _unknown_codes(value: object, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for element in value:
            yield from _unknown_codes(element, place)
    if not isinstance(value, BaseModel):
        return
    for name, field in type(value).model_fields.items():
        part, there = getattr(value, name), f"{place}.{name}"
        extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        codes = () if there in _NO_CODES else extra.get("enum_values", ())
        codes = () if _MORE in codes else codes
        parts = part if isinstance(part, list) else [] if part is None else [part]
        if codes and not {*parts} <= {*codes}:
            yield f"{there} has a code that is not of {codes}"
        yield from _unknown_codes(part, there)
