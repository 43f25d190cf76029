"""Reads the strict traits of the source patient (FR Core 2.1: birth names, and the birth place by COG code)."""

import re
from typing import Final

from shared.fhir.node import Node
from shared.fhir.outcomes import IssueType
from shared.values import SentTraits, Sex, first_given_name, is_cog, is_day, normalise_name

QUALIFIER: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
INSEE_CODE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"
_DATE: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)
_GENDERS: Final = ("male", "female", "other", "unknown")
"""FHIR R4, administrative-gender. A value that is none would silently not be compared."""


def traits_of(patient: Node) -> SentTraits:
    """Returns the traits that the Patient states, without partial ones (a year alone, a place without COG code)."""
    name = _birth_name(patient.children("name"))
    family = name.text("family") if name is not None else None
    given_name = _birth_given_name(name) if name is not None else None
    birth_date, gender = patient.text("birthDate"), patient.text("gender")
    if birth_date is not None and not _DATE.fullmatch(birth_date):
        patient.wrong("birthDate", "must be a FHIR date, such as 1955-06-12")
    if gender is not None and gender not in _GENDERS:
        patient.wrong("gender", f"must be one of {', '.join(_GENDERS)}", kind=IssueType.CODE_INVALID)
    place = _birth_place(patient)
    return SentTraits(
        birth_name=family if family and normalise_name(family) else None,
        given_name=given_name if given_name and normalise_name(given_name) else None,
        birth_date=birth_date if birth_date and is_day(birth_date) else None,
        sex=Sex.of(gender),
        birth_place=place,
    )


def _birth_name(names: list[Node]) -> Node | None:
    """Returns the birth name: use `official` in FR Core, else `maiden`, else none; never a usual name."""
    for use in ("official", "maiden", None):
        for name in names:
            if name.value.get("use") == use:
                return name
    return None


def _birth_given_name(name: Node) -> str | None:
    """Returns the first birth given name: the one with qualifier BR, else the first word of the first given name."""
    values = name.value.get("given")
    if not isinstance(values, list):
        return None
    qualifiers = name.value.get("_given")
    marks = qualifiers if isinstance(qualifiers, list) else []
    qualified = next((value for value, mark in zip(values, marks, strict=False) if _is_birth(mark)), None)
    first = values[0] if values else None
    return first_given_name(
        qualified if isinstance(qualified, str) else None, first if isinstance(first, str) else None
    )


def _is_birth(mark: object) -> bool:
    extensions = mark.get("extension") if isinstance(mark, dict) else None
    return isinstance(extensions, list) and {"url": QUALIFIER, "valueCode": "BR"} in extensions


def _birth_place(patient: Node) -> str | None:
    for extension in patient.children("extension"):
        if extension.value.get("url") == BIRTH_PLACE and (address := extension.child("valueAddress")):
            for inner in address.children("extension"):
                coding = inner.child("valueCoding") if inner.value.get("url") == INSEE_CODE else None
                code = coding.text("code") if coding is not None else None
                if code is not None and is_cog(code):
                    return code
    return None
