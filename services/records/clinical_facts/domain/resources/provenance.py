"""Where a fact comes from, as Provenance: the document, and the section and the entry in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION, ClinicalFact
from services.records.clinical_facts.domain.resources.elements import Json, present
from shared.runtime import clock

_SECTION: Final = "https://dmp.example/fhir/StructureDefinition/fact-section"
_ENTRY: Final = "https://dmp.example/fhir/StructureDefinition/fact-entry"
_AGENT_TYPES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """The version of a document from which facts were read. `recorded_at`: when it was deposited; `organisation_id`:
    whose it is."""

    version_id: UUID
    recorded_at: datetime
    organisation_id: str
    organisation: str | None = None


def provenance(fact: ClinicalFact, resource_type: str, document: SourceDocument) -> Json:
    """Returns the Provenance of a fact's resource."""
    section = fact.source.section_title or fact.source.section
    places = [(_SECTION, section), (_ENTRY, fact.source.entry)]
    organisation = present(
        {
            "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": document.organisation_id},
            "display": document.organisation,
        }
    )
    assembler = {"display": f"DMP, extraction {EXTRACTOR_VERSION}"}
    return {
        "resourceType": "Provenance",
        "id": str(clock.derived_id(fact.id, "provenance")),
        "target": [{"reference": f"{resource_type}/{fact.id}"}],
        "recorded": document.recorded_at.isoformat(timespec="milliseconds"),
        "agent": [_agent("author", organisation), _agent("assembler", assembler)],
        "entity": [
            present(
                {
                    "extension": [{"url": url, "valueString": value} for url, value in places if value],
                    "role": "source",
                    "what": {"reference": f"DocumentReference/{document.version_id}"},
                }
            )
        ],
    }


def _agent(kind: str, who: Json) -> Json:
    return {"type": {"coding": [{"system": _AGENT_TYPES, "code": kind}]}, "who": who}
