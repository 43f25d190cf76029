"""Writes the elements of a DocumentReference that are given back as they were sent (FHIR R4)."""

from collections.abc import Iterable, Sequence
from typing import Final

from shared.fhir.submission import Coding, Concept, Identifier, OptionalElements, Reference, Relation
from shared.terminology import oids

SOURCE_PATIENT: Final = "source-patient"

Json = dict[str, object]


def coding(code: Coding) -> Json:
    """Returns a Coding."""
    return _without_none({"system": code.system, "code": code.code, "display": code.display})


def context_elements(optional: OptionalElements) -> Json:
    """Returns the optional elements of DocumentReference.context."""
    elements: Json = {}
    if optional.events:
        elements["event"] = [_concept(event) for event in optional.events]
    if optional.source_patient:
        identifier = _identifier(optional.source_patient[0])
        elements["sourcePatientInfo"] = {
            "reference": f"#{SOURCE_PATIENT}",
            "type": "Patient",
            "identifier": identifier,
        }
    if optional.encounters:
        elements["encounter"] = [_reference(reference) for reference in optional.encounters]
    if optional.related:
        elements["related"] = [_reference(reference) for reference in optional.related]
    return elements


def source_patient(identifiers: Sequence[Identifier]) -> Json:
    """Returns the contained Patient of sourcePatientInfo, with nothing but its identifiers."""
    identified = [_identifier(identifier) for identifier in identifiers]
    return {"resourceType": "Patient", "id": SOURCE_PATIENT, "identifier": identified}


def relates_to(relations: Iterable[Relation]) -> Json:
    """Returns relatesTo; no element without relations. A target is named as it was sent, by identifier or URL."""
    items = [{"code": relation.code, "target": _target(relation.target)} for relation in relations]
    return {"relatesTo": items} if items else {}


def identifier(unique_id: str) -> Json:
    """Returns a FHIR Identifier for a canonical id. An extension makes the OID the system (CDA root and extension)."""
    root, caret, extension = unique_id.partition("^")
    if caret and root.startswith("urn:oid:"):
        return {"system": root, "value": extension}
    return {"system": oids.URI, "value": unique_id}


def _target(target: str) -> Json:
    return {"identifier": identifier(target)} if target.startswith("urn:") else {"reference": target}


def _concept(concept: Concept) -> Json:
    codings = [coding(code) for code in concept.codings]
    return _without_none({"coding": codings or None, "text": concept.text})


def _reference(reference: Reference) -> Json:
    return _without_none(
        {
            "reference": reference.reference,
            "type": reference.type,
            "identifier": _identifier(reference.identifier) if reference.identifier is not None else None,
            "display": reference.display,
        }
    )


def _identifier(identifier: Identifier) -> Json:
    return _without_none({"system": identifier.system, "value": identifier.value})


def _without_none(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}
