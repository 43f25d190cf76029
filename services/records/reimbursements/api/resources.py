"""Writes lines of the history as FHIR ExplanationOfBenefit (R4).

Of FHIR's resources it is the one that says what was done, by whom, and what an insurer paid for it, as a record for the
patient. A Claim is what a provider asks for, a ClaimResponse names no care, and clinical resources (MedicationDispense,
Procedure) would state as clinical facts what only accounts say.
"""

from typing import Any, Final
from uuid import UUID

import orjson

from services.records.reimbursements.domain.history import StoredCare
from services.records.reimbursements.domain.lines import CODE_SYSTEMS, Care
from shared.terminology import oids

_TYPES: Final = {"hospital-stay": "institutional", "medicine": "pharmacy", "vaccination": "pharmacy"}
_TYPE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/claim-type"
_ADJUDICATION_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/adjudication"
_INSURER: Final = {"display": "Assurance Maladie"}
_NOT_NAMED: Final = {"display": "Non communiqué"}

Json = dict[str, Any]


def resource_id(line: StoredCare) -> UUID:
    """Returns the id of the resource: the line's key in its record."""
    return UUID(bytes=line.key)


def explanation_of_benefit(line: StoredCare, record_id: UUID) -> bytes:
    """Returns the resource as JSON."""
    care = line.care
    performer = _party(care.performer_id, care.performer_name)
    prescriber = _party(care.prescriber_id, care.prescriber_name)
    resource: Json = {
        "resourceType": "ExplanationOfBenefit",
        "id": str(resource_id(line)),
        "status": "active",
        "type": {"coding": [{"system": _TYPE_SYSTEM, "code": _TYPES.get(care.kind, "professional")}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{record_id}"},
        "billablePeriod": {"start": care.care_from, "end": care.care_to},
        "created": care.paid_on or care.care_to,
        "insurer": _INSURER,
        "provider": performer or _NOT_NAMED,
        "outcome": "complete",
        "insurance": [{"focal": True, "coverage": _INSURER}],
        "item": [_item(care, has_prescriber=prescriber is not None)],
    }
    if prescriber is not None:
        member: Json = {"sequence": 1, "provider": prescriber, "role": {"text": "prescripteur"}}
        if care.prescriber_specialty is not None:
            member["qualification"] = {"text": care.prescriber_specialty}
        resource["careTeam"] = [member]
    if care.facility is not None:
        resource["facility"] = {"identifier": {"value": care.facility}}
    if care.ingredients is not None:
        resource["processNote"] = [{"number": 1, "type": "display", "text": care.ingredients}]
    return orjson.dumps(resource)


def _item(care: Care, *, has_prescriber: bool) -> Json:
    item: Json = {
        "sequence": 1,
        "productOrService": _concept(care.code_system, care.code, care.label),
        "servicedPeriod": {"start": care.care_from, "end": care.care_to},
    }
    if has_prescriber:
        item["careTeamSequence"] = [1]
    if care.group_label or care.group_code:
        item["category"] = {"text": care.group_label or care.group_code}
    if care.quantity is not None:
        item["quantity"] = {"value": care.quantity}
    if care.ingredients is not None:
        item["noteNumber"] = [1]
    amounts = (("submitted", care.amount_paid), ("benefit", care.amount_reimbursed))
    if adjudications := [_adjudication(code, cents) for code, cents in amounts if cents is not None]:
        item["adjudication"] = adjudications
    return item


def _concept(code_system: str | None, code: str | None, label: str | None) -> Json:
    concept: Json = {}
    if code_system is not None:
        concept["coding"] = [{"system": f"urn:oid:{CODE_SYSTEMS[code_system]}", "code": code}]
    if label is not None:
        concept["text"] = label
    return concept


def _adjudication(code: str, cents: int) -> Json:
    """Returns an amount; its decimals are written as they are, never through a floating-point number."""
    value = orjson.Fragment(f"{cents // 100}.{cents % 100:02d}")
    category = {"coding": [{"system": _ADJUDICATION_SYSTEM, "code": code}]}
    return {"category": category, "amount": {"value": value, "currency": "EUR"}}


def _party(id: str | None, name: str | None) -> Json | None:
    party: Json = {}
    if id is not None:
        party["identifier"] = {"system": f"urn:oid:{oids.PROFESSIONAL}", "value": id}
    if name is not None:
        party["display"] = name
    return party or None
