"""What every resource has in common: id, patient, marks, identifiers and notes."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.resources.elements import Json, identifiers, notes, present
from shared.cda.times import moment_of

FACT_MARKS: Final = "https://dmp.example/fhir/CodeSystem/fact-marks"
"""Tags: what a reader is warned of (MARKS), `none` and `unknown` for coded absence, and `is-implant`."""

DENIED: Final = "Nié dans le document."


@dataclass(frozen=True, slots=True)
class ResourceFrame:
    """The record whose facts are written, and the day on which it is done, which decides whether a period has ended."""

    record_id: UUID
    today: date

    def has_ended(self, fact: ClinicalFact) -> bool:
        """Whether the fact's own end is past. An unknown end never is."""
        end = moment_of(fact.time.end) if fact.time is not None and fact.time.end is not None else None
        return end is not None and end.date() < self.today


def common(resource_type: str, fact: ClinicalFact, frame: ResourceFrame, *, patient: str = "subject") -> Json:
    """Returns the members that all resources share. `patient`: the name of the member that refers to the patient."""
    return present(
        {
            "resourceType": resource_type,
            "id": str(fact.id),
            "meta": present({"tag": [{"system": FACT_MARKS, "code": tag} for tag in _tags(fact)]}),
            "identifier": identifiers(fact.source.ids),
            patient: {"reference": f"Patient/{frame.record_id}"},
        }
    )


def fact_notes(fact: ClinicalFact, *more: str | None) -> list[Json]:
    """Returns the notes of a resource: what FHIR has no member for, the scope of an absence, the author's comments."""
    scope = f"Portée : {fact.scope}" if fact.scope is not None and fact.statement != "stated" else None
    return notes([text for text in (*more, scope, *fact.comments) if text])


def _tags(fact: ClinicalFact) -> list[str]:
    absence = [fact.statement] if fact.statement != "stated" else []
    return [*absence, *fact.marks, *(["is-implant"] if fact.is_implant else [])]
