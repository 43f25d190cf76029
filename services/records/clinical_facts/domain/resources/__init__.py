"""Clinical facts as resources of FHIR R4, each with its Provenance: document, section, entry.

Nothing negated is written as a positive: it has the status that the resource has for it, or else no value and a note.
"""

from collections.abc import Callable
from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.resources.conditions import (
    adverse_event,
    allergy_intolerance,
    condition,
    family_member_history,
)
from services.records.clinical_facts.domain.resources.elements import Json
from services.records.clinical_facts.domain.resources.frame import FACT_MARKS, ResourceFrame
from services.records.clinical_facts.domain.resources.observations import observation
from services.records.clinical_facts.domain.resources.procedures import device_use_statement, procedure
from services.records.clinical_facts.domain.resources.provenance import SourceDocument, provenance
from services.records.clinical_facts.domain.resources.treatments import immunization, medication_statement

__all__ = ["FACT_MARKS", "RESOURCES", "ResourceFrame", "SourceDocument", "provenance", "resource_of"]

_WRITERS: Final[dict[FactKind, Callable[[ClinicalFact, ResourceFrame], Json]]] = {
    FactKind.RESULT: observation,
    FactKind.MEASURE: observation,
    FactKind.BLOOD_GROUP: observation,
    FactKind.FINDING: observation,
    FactKind.PREGNANCY: observation,
    FactKind.LIFESTYLE: observation,
    FactKind.DIRECTIVE: observation,
    FactKind.PROBLEM: condition,
    FactKind.ALLERGY: allergy_intolerance,
    FactKind.ADVERSE_EFFECT: adverse_event,
    FactKind.FAMILY: family_member_history,
    FactKind.TREATMENT: medication_statement,
    FactKind.VACCINATION: immunization,
    FactKind.PROCEDURE: procedure,
    FactKind.DEVICE: device_use_statement,
}

RESOURCES: Final[dict[FactKind, str]] = {
    **dict.fromkeys(FactKind, "Observation"),
    FactKind.PROBLEM: "Condition",
    FactKind.ALLERGY: "AllergyIntolerance",
    FactKind.ADVERSE_EFFECT: "AdverseEvent",
    FactKind.FAMILY: "FamilyMemberHistory",
    FactKind.TREATMENT: "MedicationStatement",
    FactKind.VACCINATION: "Immunization",
    FactKind.PROCEDURE: "Procedure",
    FactKind.DEVICE: "DeviceUseStatement",
}
"""The type of resource of each kind of fact."""


def resource_of(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns the resource of a fact, for orjson: its numbers are fragments with the digits of the document."""
    return _WRITERS[fact.kind](fact, frame)
