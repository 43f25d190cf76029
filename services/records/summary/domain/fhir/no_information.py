"""The entries of the three required sections where the record holds nothing: that no information is available.

Never that there is none: the codes `no-known-*` of the International Patient Summary are not written.
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.resources.elements import Json
from services.records.summary.domain.fhir.lines import absent
from services.records.summary.domain.sheet import Chapter
from shared.runtime import clock

_SYSTEM: Final = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_ALLERGY_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def no_information(chapter: Chapter, record_id: UUID) -> Json | None:
    """Returns the entry of an empty section; None for a chapter whose section needs no entry."""
    write = _WRITERS.get(chapter)
    if write is None:
        return None
    id = str(clock.hashed_id(record_id.bytes + f"no-{chapter}".encode()))
    return {"id": id, **write({"reference": f"Patient/{record_id}"})}


def _allergy(patient: Json) -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": _ALLERGY_CLINICAL, "code": "active"}]},
        "code": _code("no-allergy-info"),
        "patient": patient,
    }


def _problem(patient: Json) -> Json:
    return {"resourceType": "Condition", "code": _code("no-problem-info"), "subject": patient}


def _treatment(patient: Json) -> Json:
    return {
        "resourceType": "MedicationStatement",
        "status": "unknown",
        "medicationCodeableConcept": _code("no-medication-info"),
        "subject": patient,
        "_effectiveDateTime": absent("unknown"),
    }


def _code(code: str) -> Json:
    return {"coding": [{"system": _SYSTEM, "code": code}]}


_WRITERS: Final[dict[Chapter, Callable[[Json], Json]]] = {
    Chapter.ALLERGIES: _allergy,
    Chapter.PROBLEMS: _problem,
    Chapter.TREATMENTS: _treatment,
}
