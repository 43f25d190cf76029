"""Writes the values of facts as data types of FHIR R4: CodeableConcept, Quantity, Period, Reference ..."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import orjson

from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    FactParty,
    FactTime,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
    TimeValue,
)
from shared.terminology.clinical import code_systems

Json = dict[str, Any]

_OID: Final = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?", re.ASCII)
_CONVERSION: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation"
_URI: Final = "urn:ietf:rfc:3986"


def concept(value: Concept) -> Json:
    """Returns a CodeableConcept: its codes, which all mean the same, and the author's words."""
    codings = [coding(code) for code in value.codings]
    qualifiers = [
        code.display for item in value.qualifiers for code in (item.name, item.value) if code and code.display
    ]
    label = value.text or value.label
    text = " ".join([label or "", f"({', '.join(qualifiers)})" if qualifiers else ""]).strip()
    return present({"coding": codings, "text": text})


def coding(value: Coding) -> Json:
    """Returns a Coding. Its system is that of FHIR where there is one, else the OID."""
    return present(
        {"system": _system(value.system), "code": " ".join(value.code.split()), "display": value.display},
    )


def first_concept(values: Iterable[Concept]) -> Json | None:
    """Returns the first of several as a CodeableConcept, or None."""
    value = next(iter(values), None)
    return concept(value) if value is not None else None


def optional(value: Concept | None) -> Json | None:
    """Returns a CodeableConcept, or None."""
    return concept(value) if value is not None else None


def quantity(value: Quantity) -> Json | None:
    """Returns a Quantity with its number and unit as written; None for a number that FHIR cannot hold."""
    number = decimal(value.value)
    if number is None:
        return None
    conversions = [item for translation in value.translations if (item := quantity(translation)) is not None]
    return present(
        {
            "extension": [{"url": _CONVERSION, "valueQuantity": item} for item in conversions],
            "value": number,
            "comparator": value.comparator,
            "unit": value.unit,
        }
    )


def decimal(written: str) -> orjson.Fragment | None:
    """Returns a number with its own digits, never through a floating-point number; None for an unusual one."""
    try:
        text = format(Decimal(written), "f") if len(written) < 40 and "e" not in written.lower() else ""
    except InvalidOperation:
        return None
    return orjson.Fragment(text) if _DECIMAL.fullmatch(text) else None


def quantity_range(value: QuantityRange) -> Json | None:
    """Returns a Range, or None where no bound can be written."""
    low = quantity(value.low) if value.low is not None else None
    high = quantity(value.high) if value.high is not None else None
    return present({"low": low, "high": high}) or None


def quantity_ratio(value: QuantityRatio) -> Json | None:
    """Returns a Ratio; None unless both parts can be written (rat-1)."""
    numerator = quantity(value.numerator) if value.numerator is not None else None
    denominator = quantity(value.denominator) if value.denominator is not None else None
    return {"numerator": numerator, "denominator": denominator} if numerator and denominator else None


def words_of(value: Quantity | QuantityRange | QuantityRatio | None) -> str:
    """Returns a quantity in words, as it is written."""
    match value:
        case Quantity():
            return " ".join(part for part in (value.comparator, value.value, value.unit) if part)
        case QuantityRange():
            return " - ".join(words_of(bound) for bound in (value.low, value.high) if bound is not None)
        case QuantityRatio():
            return " / ".join(words_of(part) for part in (value.numerator, value.denominator) if part is not None)
        case None:
            return ""


def value_words(value: FactValue | None) -> str | None:
    """Returns a value in words."""
    match value:
        case TextValue():
            return value.text
        case CodedValue():
            return "; ".join(item.label for item in value.concepts if item.label) or None
        case Quantity() | QuantityRange() | QuantityRatio():
            return words_of(value) or None
        case BooleanValue():
            return "oui" if value.value else "non"
        case TimeValue():
            return value.time.first
        case None:
            return None


def fhir_time(text: str) -> str:
    """Returns a time as a FHIR dateTime, which needs seconds beside minutes."""
    return f"{text[:16]}:00{text[16:]}" if len(text) > 10 and text[16:17] != ":" else text


def timing(value: FactTime | None, prefix: str) -> Json:
    """Returns `<prefix>DateTime` or `<prefix>Period`; nothing for an unknown time. An unknown end is no end stated."""
    if value is None or value.is_unknown:
        return {}
    if value.at is not None:
        return {f"{prefix}DateTime": fhir_time(value.at)}
    return {f"{prefix}Period": period(value)}


def period(value: FactTime) -> Json:
    """Returns a Period with the bounds that are stated."""
    return present(
        {"start": value.start and fhir_time(value.start), "end": value.end and fhir_time(value.end)},
    )


def identifiers(ids: Iterable[str]) -> list[Json]:
    """Returns the identifiers of an entry, which are OIDs or UUIDs."""
    return [identifier for id in ids if (identifier := _identifier(id)) is not None]


def party(value: FactParty) -> Json:
    """Returns a Reference to a person or an organisation by name and national id."""
    name = ", ".join(part for part in (value.name, value.organisation) if part)
    id = value.id or value.organisation_id
    return present({"identifier": _identifier(id) if id is not None else None, "display": name})


def parties(values: Iterable[FactParty], *roles: str) -> list[Json]:
    """Returns references to who took part in the first of these roles that any has."""
    values = tuple(values)
    for role in roles:
        if references := [reference for value in values if value.role == role and (reference := party(value))]:
            return references
    return []


def notes(texts: Iterable[str]) -> list[Json]:
    """Returns Annotations."""
    return [{"text": text} for text in texts]


def present(element: Json) -> Json:
    """Returns the members that have a value: FHIR has no empty ones."""
    return {name: value for name, value in element.items() if value not in (None, "", [], {})}


def _system(oid: str | None) -> str | None:
    system = code_systems().get(oid) if oid is not None else None
    if system is not None:
        return system.uri
    return f"urn:oid:{oid}" if oid is not None and _OID.fullmatch(oid) else None


def _identifier(id: str) -> Json | None:
    root, _, extension = id.partition("^")
    if _OID.fullmatch(root):
        return (
            {"system": f"urn:oid:{root}", "value": extension}
            if extension
            else {"system": _URI, "value": f"urn:oid:{root}"}
        )
    try:
        urn = f"urn:uuid:{UUID(root)}"
    except ValueError:
        return None
    return {"system": urn, "value": extension} if extension else {"system": _URI, "value": urn}
