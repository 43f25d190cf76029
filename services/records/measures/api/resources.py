"""Writes measures as FHIR Observations (R4), marked as what the patient side states."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import orjson

from services.records.measures.domain.measures import Measure, StoredMeasure
from services.records.measures.domain.observations import MOMENT, NUMBER_OF_DAYS, UCUM
from services.records.measures.domain.trends import Point
from shared.fhir.write import instant
from shared.runtime.clock import derived_id
from shared.terminology import oids
from shared.terminology.measures import (
    BLOOD_PRESSURE,
    BODY_MASS_INDEX,
    MeasureContext,
    MeasureType,
    measure_contexts,
    measure_types,
)
from shared.terminology.visibility import Visibility

STATED_BY_PATIENT: Final = "EXP_PATIENT"
_CATEGORY: Final = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs",
            "display": "Vital Signs",
        }
    ]
}
_PERFORMERS: Final = {"representative": "Représentant légal", "carer": "Aidant"}
Json = dict[str, Any]


def observation(stored: StoredMeasure, record_id: UUID) -> bytes:
    """Returns a version of a measure as an Observation."""
    measure = stored.measure
    resource = _frame(measure.kind, record_id, instant(measure.measured_at))
    resource |= {
        "id": str(stored.id),
        "meta": _meta(stored),
        "status": "final" if stored.version == 1 else "corrected",
        "issued": instant(stored.recorded_at),
        "performer": [_performer(stored.deposited_by, record_id)],
        **_values(measure),
    }
    if extensions := _extensions(measure):
        resource["extension"] = extensions
    if measure.comment is not None:
        resource["note"] = [{"text": measure.comment}]
    if measure.device is not None:
        resource["device"] = {"display": measure.device}
    return orjson.dumps(resource)


def body_mass_index(point: Point, record_id: UUID) -> tuple[str, bytes]:
    """Returns the id and the Observation of a computed body mass index, which is stored nowhere."""
    kind, id = measure_types()[BODY_MASS_INDEX], str(derived_id(point.measure_id, BODY_MASS_INDEX))
    resource = _frame(kind, record_id, instant(point.at))
    resource |= {
        "id": id,
        "meta": {"tag": [_tag()]},
        "status": "final",
        "valueQuantity": _quantity(kind, point.value),
        "derivedFrom": [{"reference": f"Observation/{point.measure_id}"}],
    }
    return id, orjson.dumps(resource)


def _frame(kind: MeasureType, record_id: UUID, moment: str) -> Json:
    return {
        "resourceType": "Observation",
        "category": [_CATEGORY],
        "code": _concept(kind.system, kind.observation_code, kind.label_fr),
        "subject": {"reference": f"Patient/{record_id}"},
        "effectiveDateTime": moment,
    }


def _meta(stored: StoredMeasure) -> Json:
    meta: Json = {
        "versionId": str(stored.version),
        "lastUpdated": instant(stored.recorded_at),
        "tag": [_tag()],
    }
    if stored.masked:
        meta["security"] = [{"system": oids.TRE_A07_SYSTEM, "code": Visibility.MASKED.value}]
    return meta


def _tag() -> Json:
    return {"system": oids.TRE_A00_SYSTEM, "code": STATED_BY_PATIENT}


def _performer(deposited_by: str, record_id: UUID) -> Json:
    if deposited_by in _PERFORMERS:
        return {"type": "RelatedPerson", "display": _PERFORMERS[deposited_by]}
    return {"reference": f"Patient/{record_id}"}


def _values(measure: Measure) -> Json:
    if measure.code != BLOOD_PRESSURE:
        assert measure.value is not None, "a measure that is no blood pressure has a value"
        return {"valueQuantity": _quantity(measure.kind, measure.value)}
    components = [
        {
            "code": _concept(kind.system, kind.observation_code, kind.label_fr),
            "valueQuantity": _quantity(kind, number),
        }
        for kind, number in measure.parts()
    ]
    return {"component": components}


def _quantity(kind: MeasureType, number: Decimal) -> Json:
    """Returns the value with the decimals that it was entered with."""
    value = orjson.Fragment(format(number, "f"))
    return {"value": value, "unit": kind.unit, "system": UCUM, "code": kind.unit}


def _extensions(measure: Measure) -> list[Json]:
    extensions = []
    if measure.moment is not None:
        extensions.append(_extension(MOMENT, measure_contexts("moment")[measure.moment]))
    if measure.number_of_days is not None:
        extensions.append(_extension(NUMBER_OF_DAYS, measure_contexts("days")[measure.number_of_days]))
    return extensions


def _extension(url: str, context: MeasureContext) -> Json:
    concept = _concept(context.system, context.observation_code, context.label_fr)
    return {"url": url, "valueCodeableConcept": concept}


def _concept(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}
