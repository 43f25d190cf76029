"""The requirements for seeing the list of accesses and for changing rights.

Sources: Code de la santé publique L1111-19 (the person sees every access and changes rights), R1111-40 (legal
representatives), R1111-46 (a care team's information), L1111-17. A carer may make the same changes as a representative:
what Mon espace santé reserves from carers (closing, other carers, contact and login) is not a change of these rights.
"""

from shared.access.facts import Facts
from shared.access.requirements import (
    CARER,
    FRESH,
    HOLDER,
    KIND,
    LIVING,
    MODE,
    NAMED,
    OPEN,
    READING_ROLE,
    RECORD,
    REPRESENTATIVE,
    Requirement,
    is_attending,
    is_since,
)

ATTESTATIONS = frozenset({"attest-care-team", "end-attestation"})
OBJECTIONS = frozenset({"object-to-feeding", "withdraw-feeding-objection"})
CHANGES = ATTESTATIONS | {
    *("authorise-professional", "end-authorisation", "block-professional", "unblock-professional"),
    *("object-to-feeding", "withdraw-feeding-objection", "choose-emergency-access", "hide-section", "show-section"),
    *("choose-default-label", "object-to-care-team", "withdraw-care-team-objection"),
    "withdraw-attestation-objection",
    *("name-attending-doctor", "end-attending-doctor", "reference-application", "end-application"),
}
"""All changes of rights; consent's `ChangeAction` and the lists named there have the same."""
_TAKING = frozenset({"end-attestation", "object-to-feeding"})
"""What a blocked professional or structure may still do, because it takes their own right away."""
_PATIENT_SIDE_CHANGES = CHANGES - {"attest-care-team"}


def _professional_may(facts: Facts) -> bool:
    match facts.change:
        case "authorise-professional":
            return facts.about_self and facts.card_present
        case "block-professional":
            return is_attending(facts) and not facts.about_self
        case "attest-care-team" | "end-attestation":
            return facts.about_self
        case _:
            return False


def _structure_may(facts: Facts) -> bool:
    """A structure attests its own care team, and reports what it collected about its own deposits."""
    reports = facts.change in OBJECTIONS and facts.collected != "none" and is_since(facts, "6")
    return facts.about_self and (facts.change in ATTESTATIONS or reports)


def _is_not_of_patient(facts: Facts) -> bool:
    return facts.change != "withdraw-feeding-objection" or not facts.objection_by_patient


def _attests_unopposed(facts: Facts) -> bool:
    """A structure cannot attest that the person did not object when the person has objected."""
    return facts.change != "attest-care-team" or not facts.care_team_objected


PERSONS_CHANGE = Requirement("change-not-permitted", lambda f: f.change in _PATIENT_SIDE_CHANGES)
PROFESSIONALS_CHANGE = Requirement("change-not-permitted", _professional_may)
STRUCTURES_CHANGE = Requirement("change-not-permitted", _structure_may)
UNBLOCKED = Requirement("blocked", lambda f: f.blocked == "none" or f.change in _TAKING, hides_existence=True)
UNOPPOSED = Requirement("care-team-objected", _attests_unopposed, hides_existence=True)
NEWEST = Requirement("consent-outdated", lambda f: f.collected != "outdated")
NOT_SUPERSEDED = Requirement("patient-chose-later", lambda f: f.collected != "superseded", hides_existence=True)
NOT_ENDED = Requirement("period-ended", lambda f: f.collected in ("none", "current"))
NOT_OF_PATIENT = Requirement("objection-of-patient", _is_not_of_patient, hides_existence=True)

CHANGERS: dict[str, tuple[Requirement, ...]] = {
    "patient": (KIND, MODE, HOLDER, LIVING, RECORD, OPEN, PERSONS_CHANGE),
    "representative": (KIND, MODE, FRESH, REPRESENTATIVE, LIVING, RECORD, OPEN, PERSONS_CHANGE),
    "carer": (KIND, MODE, FRESH, CARER, LIVING, RECORD, OPEN, PERSONS_CHANGE),
    "professional": (
        *(KIND, READING_ROLE, MODE, PROFESSIONALS_CHANGE, NAMED, LIVING, RECORD, OPEN, UNBLOCKED, UNOPPOSED),
    ),
    "software": (
        *(KIND, MODE, STRUCTURES_CHANGE, LIVING, RECORD, OPEN, UNBLOCKED, UNOPPOSED),
        *(NEWEST, NOT_SUPERSEDED, NOT_OF_PATIENT, NOT_ENDED),
    ),
}
"""No other kind of actor changes rights."""
LISTERS: dict[str, tuple[Requirement, ...]] = {
    "patient": (KIND, MODE, HOLDER, LIVING),
    "representative": (KIND, MODE, FRESH, REPRESENTATIVE, LIVING, RECORD, OPEN),
}
"""Carers and professionals do not see the list of accesses."""


def rule_of(facts: Facts) -> str:
    """Returns the code of the rule that permitted a change of rights or the list of accesses."""
    match facts.actor_kind:
        case "patient":
            return "own-record"
        case "representative" | "carer":
            return facts.actor_kind
        case _ if facts.collected != "none":
            return "collected-consent"
        case _ if facts.change in ATTESTATIONS:
            return "care-team"
        case _:
            return "attending-doctor" if facts.change == "block-professional" else "card-present"
