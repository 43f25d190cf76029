"""Problems, allergies, adverse effects and family history as Condition, AllergyIntolerance, AdverseEvent and
FamilyMemberHistory."""

from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, Reaction
from services.records.clinical_facts.domain.resources.elements import (
    Json,
    concept,
    optional,
    parties,
    present,
    timing,
)
from services.records.clinical_facts.domain.resources.frame import DENIED, ResourceFrame, common, fact_notes
from services.records.clinical_facts.domain.values import Concept

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
_CLINICAL: Final = {
    **{code: code for code in ("active", "recurrence", "relapse", "inactive", "remission", "resolved")},
    "G-A230": "active",
    "55561003": "active",
    "73425007": "inactive",
    "413322009": "resolved",
    "G-A005": "remission",
}
"""Codes of a clinical status: those of HL7, SNOMED 3.5 and SNOMED CT -> condition-clinical."""

_VERIFICATION: Final = frozenset(
    {"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"}
)
_CRITICALITY: Final = frozenset({"low", "high", "unable-to-assess"})
_ALLERGY_CLINICAL: Final = {"active": "active", "recurrence": "active", "relapse": "active"}
_SEVERITIES: Final = {
    "L": "mild",
    "M": "moderate",
    "H": "severe",
    "255604002": "mild",
    "6736007": "moderate",
    "24484000": "severe",
}
_ALLERGY_TYPES: Final = {
    "DALG": "medication",
    "DINT": "medication",
    "FALG": "food",
    "FINT": "food",
    "EALG": "environment",
}
_RELATIVE: Final = {"coding": [{"system": f"{_TERMINOLOGY}/v3-RoleCode", "code": "FAMMEMB"}]}


def condition(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns a Condition; a negated one is refuted. Its status is the stated one, or follows from its end."""
    verification = _verification(fact)
    resource = {
        **common("Condition", fact, frame),
        **present(
            {
                "clinicalStatus": _clinical(_status(fact, frame), "condition-clinical"),
                "verificationStatus": _coded(verification, "condition-ver-status"),
                "category": [concept(fact.category)] if fact.category is not None else None,
                "severity": optional(fact.severity),
                "code": optional(fact.code),
                "bodySite": [concept(site) for site in fact.site],
                **timing(fact.time, "onset"),
                "asserter": next(iter(parties(fact.parties, "author", "performer")), None),
                "note": fact_notes(fact, DENIED if fact.negated else None, _cause(fact)),
            }
        ),
    }
    if verification == "entered-in-error":
        resource.pop("clinicalStatus", None)
    return resource


def allergy_intolerance(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns an AllergyIntolerance. Without a stated status it counts as active; a negated one is refuted."""
    verification = _verification(fact)
    status = _status(fact, frame)
    clinical = "inactive" if fact.negated else _ALLERGY_CLINICAL.get(status or "active", status or "active")
    types = fact.category.codings if fact.category is not None else ()
    categories = sorted({_ALLERGY_TYPES[coding.code] for coding in types if coding.code in _ALLERGY_TYPES})
    criticalities = fact.criticality.codings if fact.criticality is not None else ()
    resource = {
        **common("AllergyIntolerance", fact, frame, patient="patient"),
        **present(
            {
                "clinicalStatus": _clinical(_allergy_status(clinical), "allergyintolerance-clinical"),
                "verificationStatus": _coded(
                    verification if verification not in ("provisional", "differential") else "unconfirmed",
                    "allergyintolerance-verification",
                ),
                "category": categories,
                "criticality": next((coding.code for coding in criticalities if coding.code in _CRITICALITY), None),
                "code": optional(fact.code),
                **timing(fact.time, "onset"),
                "asserter": next(iter(parties(fact.parties, "author", "performer")), None),
                "note": fact_notes(fact, DENIED if fact.negated else None, *_denied_reactions(fact)),
                "reaction": [item for reaction in fact.reactions if (item := _reaction(reaction, fact))],
            }
        ),
    }
    if verification == "entered-in-error":
        resource.pop("clinicalStatus", None)
    return resource


def adverse_event(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns an AdverseEvent that did happen, with the medicine that is blamed."""
    effects = [reaction.manifestation for reaction in fact.reactions if not reaction.negated]
    resource = common("AdverseEvent", fact, frame)
    ids = resource.pop("identifier", [])
    return {
        **resource,
        **present(
            {
                "identifier": ids[0] if ids else None,
                "contained": [{"resourceType": "Medication", "id": "medicine", "code": optional(fact.code)}],
                "actuality": "actual",
                "event": concept(effects[0]) if effects else optional(fact.category),
                "date": timing(fact.time, "on").get("onDateTime"),
                "suspectEntity": [{"instance": {"reference": "#medicine"}}],
            }
        ),
    }


def family_member_history(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns a FamilyMemberHistory. What is negated is a note: the resource has no member for it."""
    entry = present({"code": optional(fact.code), "note": fact_notes(fact)})
    denied = f"Nié dans le document : {fact.code.label}" if fact.negated and fact.code is not None else None
    return {
        **common("FamilyMemberHistory", fact, frame, patient="patient"),
        **present(
            {
                "status": "completed",
                "relationship": optional(fact.relation) or _RELATIVE,
                "note": fact_notes(fact, denied) if fact.negated else None,
                "condition": [] if fact.negated else [entry],
            }
        ),
    }


def _status(fact: ClinicalFact, frame: ResourceFrame) -> str | None:
    codings = fact.clinical_status.codings if fact.clinical_status is not None else ()
    stated = next((_CLINICAL[coding.code] for coding in codings if coding.code in _CLINICAL), None)
    return "resolved" if stated in (None, "active") and frame.has_ended(fact) else stated


def _allergy_status(status: str) -> str:
    return status if status in ("active", "inactive", "resolved") else "inactive"


def _verification(fact: ClinicalFact) -> str | None:
    if fact.negated:
        return "refuted"
    codings = fact.certainty.codings if fact.certainty is not None else ()
    return next((coding.code for coding in codings if coding.code in _VERIFICATION), None)


def _clinical(code: str | None, table: str) -> Json | None:
    return _coded(code, table)


def _coded(code: str | None, table: str) -> Json | None:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{table}", "code": code}]} if code is not None else None


def _cause(fact: ClinicalFact) -> str | None:
    return f"Cause : {fact.reason.label}" if fact.reason is not None and fact.reason.label else None


def _reaction(reaction: Reaction, fact: ClinicalFact) -> Json | None:
    if reaction.negated:
        return None
    severity = reaction.severity or fact.severity
    return present({"manifestation": [concept(reaction.manifestation)], "severity": _severity(severity)})


def _severity(severity: Concept | None) -> str | None:
    codings = severity.codings if severity is not None else ()
    return next((_SEVERITIES[coding.code] for coding in codings if coding.code in _SEVERITIES), None)


def _denied_reactions(fact: ClinicalFact) -> list[str]:
    labels = [reaction.manifestation.label for reaction in fact.reactions if reaction.negated]
    return [f"Réaction niée dans le document : {label}" for label in labels if label]
