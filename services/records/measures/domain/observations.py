"""Reads a measure from a FHIR Observation (R4).

Source: API Mesures 1.5.2 of Mon espace santé, and the CI-SIS profiles "mesures": an Observation with a code of LOINC or
TRE_R308, `valueQuantity` in UCUM, or two components for a blood pressure; extensions for the moment, the number of days
and the reason. Elements that a measure does not have are passed over, except those that would change its meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

import orjson

from services.records.measures.domain.measures import Measure
from shared.errors import InvalidError
from shared.moments import bounded
from shared.terminology.measures import (
    BLOOD_PRESSURE,
    DIASTOLIC,
    SYSTOLIC,
    MeasureType,
    observation_context,
    observation_type,
)

UCUM: Final = "http://unitsofmeasure.org"
_EXTENSIONS: Final = "https://interop.esante.gouv.fr/ig/fhir/mesures/StructureDefinition/"
REASON: Final = f"{_EXTENSIONS}mesures-reason-for-measurement"
MOMENT: Final = f"{_EXTENSIONS}mesures-moment-of-measurement"
NUMBER_OF_DAYS: Final = f"{_EXTENSIONS}mesures-number-of-days"
_UNITS: Final = {"1/min": "/min", "{score}": "1", "/d": "1/(24.h)", "1/d": "1/(24.h)"}
"""Other UCUM codes of the same unit."""
_MEANING_CHANGED_BY: Final = (
    "modifierExtension",
    "dataAbsentReason",
    "hasMember",
    "effectivePeriod",
    "effectiveTiming",
)
Json = Mapping[str, Any]


class ObservationInvalidError(InvalidError):
    """This is no Observation of a measure: resourceType, status final, code, subject, effectiveDateTime with a time
    zone, and valueQuantity in UCUM, or two components for a blood pressure."""

    code = "observation-invalid"
    french = (
        "Ce n’est pas l’Observation d’une mesure : resourceType, status final, code, subject, effectiveDateTime avec "
        "un fuseau, et valueQuantity en UCUM, ou deux components pour une pression artérielle."
    )

    @classmethod
    def at(cls, element: str) -> "ObservationInvalidError":
        """Returns the error that names the element."""
        error = cls(f"Observation.{element} is missing, or not what a measure has there.")
        error.french = f"Observation.{element} manque, ou n’est pas ce qu’une mesure y a."
        return error


@dataclass(frozen=True, slots=True)
class ReadObservation:
    """What an Observation states: the measure, which is not checked yet, its unit, and the reference to the patient."""

    measure: Measure
    unit: str
    subject: str


def read_observation(body: bytes) -> ReadObservation:
    """Returns what the Observation states. Raises ObservationInvalidError."""
    resource = _object(_parsed(body), "resourceType")
    if resource.get("resourceType") != "Observation":
        raise ObservationInvalidError.at("resourceType")
    for element in _MEANING_CHANGED_BY:
        if element in resource:
            raise ObservationInvalidError.at(element)
    if resource.get("status") != "final":
        raise ObservationInvalidError.at("status")
    kind = _kind(resource.get("code"), "code")
    numbers, unit = _numbers(resource, kind)
    measure = Measure(
        code=kind.code,
        measured_at=_moment(resource.get("effectiveDateTime")),
        **numbers,
        moment=_context(resource, MOMENT, "moment"),
        number_of_days=_context(resource, NUMBER_OF_DAYS, "days"),
        comment=_comment(resource),
        device=_text(_object(resource.get("device", {}), "device").get("display"), "device"),
    )
    reference = _object(resource.get("subject"), "subject").get("reference")
    if not isinstance(reference, str):
        raise ObservationInvalidError.at("subject")
    return ReadObservation(measure, unit, reference)


def _parsed(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ObservationInvalidError from error


def _object(value: object, element: str) -> Json:
    if not isinstance(value, dict):
        raise ObservationInvalidError.at(element)
    return value


def _list(value: object, element: str) -> list[Json]:
    if not isinstance(value, list):
        raise ObservationInvalidError.at(element)
    return [_object(each, element) for each in value]


def _kind(concept: object, element: str) -> MeasureType:
    """Returns the kind of measure of the first coding that names one."""
    codings = _list(_object(concept, element).get("coding"), element)
    kinds = [observation_type(_string(coding.get("system")), str(coding.get("code"))) for coding in codings]
    kind = next((each for each in kinds if each is not None), None)
    if kind is None:
        raise ObservationInvalidError.at(element)
    return kind


def _numbers(resource: Json, kind: MeasureType) -> tuple[dict[str, Decimal], str]:
    """Returns the values by their names in `Measure`, and the unit that they have in common."""
    if kind.code != BLOOD_PRESSURE:
        if "component" in resource:
            raise ObservationInvalidError.at("component")
        value, unit = _quantity(resource.get("valueQuantity"), "valueQuantity")
        return {"value": value}, unit
    names, numbers, units = {SYSTOLIC: "systolic", DIASTOLIC: "diastolic"}, {}, set()
    for component in _list(resource.get("component"), "component"):
        name = names.get(_kind(component.get("code"), "component").code)
        if name is None or name in numbers or "dataAbsentReason" in component:
            raise ObservationInvalidError.at("component")
        numbers[name], unit = _quantity(component.get("valueQuantity"), "component")
        units.add(unit)
    if len(numbers) != len(names) or len(units) != 1 or "valueQuantity" in resource:
        raise ObservationInvalidError.at("component")
    return numbers, units.pop()


def _quantity(quantity: object, element: str) -> tuple[Decimal, str]:
    stated = _object(quantity, element)
    value, code = stated.get("value"), stated.get("code")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not isinstance(code, str) or stated.get("system") != UCUM or "comparator" in stated:
        raise ObservationInvalidError.at(element)
    try:
        return Decimal(str(value)), _UNITS.get(code, code)
    except InvalidOperation as error:
        raise ObservationInvalidError.at(element) from error


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ObservationInvalidError.at("effectiveDateTime") from error
    if moment.tzinfo is None:
        raise ObservationInvalidError.at("effectiveDateTime")
    return bounded(moment)


def _context(resource: Json, url: str, kind: Literal["moment", "days"]) -> str | None:
    for extension in _list(resource.get("extension", []), "extension"):
        if extension.get("url") == url:
            concept = _object(extension.get("valueCodeableConcept"), "extension")
            for coding in _list(concept.get("coding"), "extension"):
                context = observation_context(kind, _string(coding.get("system")), str(coding.get("code")))
                if context is not None:
                    return context.code
            raise ObservationInvalidError.at("extension")
    return None


def _comment(resource: Json) -> str | None:
    """Returns the first note, or else the reason for the measure."""
    notes = _list(resource.get("note", []), "note")
    if notes:
        return _text(notes[0].get("text"), "note")
    extensions = _list(resource.get("extension", []), "extension")
    reason = next((each.get("valueString") for each in extensions if each.get("url") == REASON), None)
    return _text(reason, "extension")


def _text(value: object, element: str) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST[element]):
        raise ObservationInvalidError.at(element)
    return value


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


_LONGEST: Final = {"note": 500, "extension": 500, "device": 100}
