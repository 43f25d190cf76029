"""The requirements for depositing, replacing, labelling, archiving and deleting documents.

Sources: Code de la santé publique L1111-15, R1111-49; DMPi EX_2.1-1050 (a document is not both masked and invisible to
the patient), EX_3.3-1045 (showing to representatives is final), TD3.3a to d; CI-SIS HL7 v2 (confidentiality R and V are
not shared). No decree limits which profession deposits which type.
"""

from shared.access.facts import PATIENT_SIDE, Facts
from shared.access.requirements import (
    CARER,
    CITATIONS,
    CONFIDENTIALITY,
    FRESH,
    HOLDER,
    KIND,
    LABELLED,
    LIVING,
    MODE,
    OPEN,
    RECORD,
    REPRESENTATIVE,
    SECRET,
    VISIBLE_STATUSES,
    VISIBLE_TO_PATIENT,
    VISIBLE_TO_REPRESENTATIVES,
    WRITING_ROLE,
    Requirement,
    RequirementTable,
    is_since,
)
from shared.terminology.visibility import KNOWN_LABELS, Confidentiality, Visibility

ARCHIVE_CHANGES = frozenset({"archive", "unarchive"})
_SHARED = frozenset({Confidentiality.NORMAL.value})
_INVISIBLE = frozenset({Visibility.INVISIBLE_TO_PATIENT.value, Visibility.INVISIBLE_TO_REPRESENTATIVES.value})


def _is_patient_side(facts: Facts) -> bool:
    return facts.actor_kind in PATIENT_SIDE


def _is_own(facts: Facts) -> bool:
    """Whether the professional wrote the document, or the software's organisation deposited it."""
    return facts.author if facts.actor_kind == "professional" else facts.own_deposit


def _of_patient_side(facts: Facts) -> bool:
    """Whether the patient side deposited the document; for a carer, whether this very carer deposited it."""
    return facts.self_deposited if facts.actor_kind == "carer" else facts.deposited_by in PATIENT_SIDE


def _combination_allowed(facts: Facts) -> bool:
    both = facts.labels_asked >= {Visibility.MASKED.value, Visibility.INVISIBLE_TO_PATIENT.value}
    return facts.masked_and_invisible_allowed or not both


def _secret_is_kept(facts: Facts) -> bool:
    """A deposit in the secret connection of a minor must be invisible to representatives."""
    return not facts.secret or Visibility.INVISIBLE_TO_REPRESENTATIVES in facts.labels_asked


def _own_labels_only(facts: Facts) -> bool:
    """Invisibility labels belong to authors; only the holder may hide own documents from representatives."""
    hiding = facts.labels_asked & _INVISIBLE
    return hiding == set() or (facts.relation == "holder" and hiding == {Visibility.INVISIBLE_TO_REPRESENTATIVES.value})


def _own_type(facts: Facts) -> bool:
    of_patients = facts.document_type is not None and facts.document_type.startswith("DOCPAT")
    return facts.class_code == "90" or of_patients


def _keeps_type_while_blocked(facts: Facts) -> bool:
    """A blocked depositor may correct a deposited document, but not turn it into another type."""
    kept = facts.type_asked is not None and facts.type_asked == facts.document_type
    return kept or facts.blocked in _tolerated_blocks(facts) or not is_since(facts, "4")


def _may_set(facts: Facts) -> bool:
    """Whether this kind of actor may make this change of labels at all."""
    match facts.change:
        case "mask" | "unmask":
            return True
        case "hide-from-patient" | "show-to-patient":
            return not _is_patient_side(facts)
        case "hide-from-representatives" | "show-to-representatives":
            own = facts.deposited_by == "patient" or facts.by_minor_in_secret
            return not _is_patient_side(facts) or (facts.relation == "holder" and own)
        case _:
            return False


def _may_unmask(facts: Facts) -> bool:
    """Only the patient side lifts a mask set by the patient, or one of unknown origin."""
    masked = Visibility.MASKED in facts.labels
    return facts.change != "unmask" or not masked or _is_patient_side(facts) or facts.masked_by == "author"


def _leaves_an_allowed_combination(facts: Facts) -> bool:
    """Checks the author's labels only: a mask set by the patient may be combined with what the author hides."""
    masked_by_author = Visibility.MASKED in facts.labels and facts.masked_by != "patient"
    match facts.change:
        case "mask":
            clash = not _is_patient_side(facts) and Visibility.INVISIBLE_TO_PATIENT in facts.labels
        case "hide-from-patient":
            clash = masked_by_author
        case _:
            clash = False
    return facts.masked_and_invisible_allowed or not clash


UNBLOCKED = Requirement("blocked", lambda f: f.blocked in _tolerated_blocks(f), hides_existence=True)
TYPE_KEPT = Requirement("blocked", _keeps_type_while_blocked, hides_existence=True)
UNOBJECTED = Requirement("consent-opposed", lambda f: not f.organisation_objected, hides_existence=True)
STILL_UNOBJECTED = Requirement(
    "consent-opposed", lambda f: not f.organisation_objected or not is_since(f, "4"), hides_existence=True
)
LABELS_KNOWN = Requirement("label-unknown", lambda f: f.labels_asked <= KNOWN_LABELS)
LABELS_SHARED = Requirement("labels-not-allowed", lambda f: f.labels_asked & CONFIDENTIALITY == _SHARED)
COMBINATION = Requirement("masked-and-invisible", _combination_allowed)
SECRET_KEPT = Requirement("secret-not-kept", _secret_is_kept)
OWN_LABELS = Requirement("label-not-yours", _own_labels_only)
OWN_TYPE = Requirement("type-not-yours", _own_type)
OWN = Requirement("not-own-document", _is_own, hides_existence=True)
PATIENTS_OWN = Requirement("not-own-document", _of_patient_side)
LIVE = Requirement("not-published", lambda f: f.document_status in VISIBLE_STATUSES, hides_existence=True)
REPLACEABLE = Requirement(
    "not-published", lambda f: f.document_status in ("published", "archived"), hides_existence=True
)
CHANGE = Requirement("change-not-permitted", _may_set)
UNMASKABLE = Requirement("masked-by-patient", _may_unmask)
STAYS_ALLOWED = Requirement("masked-and-invisible", _leaves_an_allowed_combination)
FINAL = Requirement(
    "lifting-is-final", lambda f: f.change != "hide-from-representatives" or not f.shown_to_representatives
)
STAYS_SHOWN = Requirement(
    "lifting-is-final",
    lambda f: not (f.shown_to_representatives and Visibility.INVISIBLE_TO_REPRESENTATIVES in f.labels_asked),
)
ARCHIVES = Requirement("change-not-permitted", lambda f: f.change in ARCHIVE_CHANGES)


def _tolerated_blocks(facts: Facts) -> frozenset[str]:
    """Returns the blocks that do not stop a deposit: software acts for its organisation, a professional for both."""
    return frozenset({"none", "professional"}) if facts.actor_kind == "software" else frozenset({"none"})


CHOSEN_ABOUT_REPLACEMENTS = (STILL_UNOBJECTED, TYPE_KEPT)
"""The requirements of a replacement that depend on the person's choices about deposits."""

_AS_HOLDER = (KIND, MODE, HOLDER, LIVING, RECORD, OPEN)
_AS_REPRESENTATIVE = (KIND, MODE, FRESH, REPRESENTATIVE, LIVING, RECORD, OPEN)
_AS_CARER = (KIND, MODE, FRESH, CARER, LIVING, RECORD, OPEN)
_AS_PROFESSIONAL = (KIND, WRITING_ROLE, MODE, LIVING, RECORD, OPEN, SECRET)
_AS_SOFTWARE = (KIND, MODE, LIVING, RECORD, OPEN)
"""The requirements about the actor and the record. Writing is not restricted in an emergency."""
_LABELS = (LABELS_KNOWN, LABELS_SHARED, COMBINATION)
_SEEN_BY_HOLDER = (LABELLED, VISIBLE_TO_PATIENT, CITATIONS)
_SEEN_BY_OTHERS = (*_SEEN_BY_HOLDER, VISIBLE_TO_REPRESENTATIVES)
DEPOSITORS: RequirementTable = {
    "patient": (*_AS_HOLDER, OWN_TYPE, *_LABELS, OWN_LABELS),
    "representative": (*_AS_REPRESENTATIVE, OWN_TYPE, *_LABELS, OWN_LABELS),
    "carer": (*_AS_CARER, OWN_TYPE, *_LABELS, OWN_LABELS),
    "professional": (*_AS_PROFESSIONAL, UNBLOCKED, UNOBJECTED, *_LABELS, SECRET_KEPT),
    "software": (*_AS_SOFTWARE, UNBLOCKED, UNOBJECTED, *_LABELS),
}
"""Requirements for adding a document."""
REPLACERS: RequirementTable = {
    "patient": (*_AS_HOLDER, REPLACEABLE, *_SEEN_BY_HOLDER, PATIENTS_OWN, *_LABELS, OWN_LABELS, STAYS_SHOWN),
    "representative": (
        *_AS_REPRESENTATIVE,
        REPLACEABLE,
        *_SEEN_BY_OTHERS,
        PATIENTS_OWN,
        *_LABELS,
        OWN_LABELS,
        STAYS_SHOWN,
    ),
    "carer": (*_AS_CARER, REPLACEABLE, *_SEEN_BY_OTHERS, PATIENTS_OWN, *_LABELS, OWN_LABELS, STAYS_SHOWN),
    "professional": (
        *_AS_PROFESSIONAL,
        OWN,
        REPLACEABLE,
        LABELLED,
        *_LABELS,
        SECRET_KEPT,
        STAYS_SHOWN,
        *CHOSEN_ABOUT_REPLACEMENTS,
    ),
    "software": (*_AS_SOFTWARE, OWN, REPLACEABLE, LABELLED, *_LABELS, STAYS_SHOWN, *CHOSEN_ABOUT_REPLACEMENTS),
}
"""Requirements for replacing a document by a new version. The person's choices about deposits are checked last,
because the API does not know them yet when a deposit arrives."""
LABELLERS: RequirementTable = {
    "patient": (*_AS_HOLDER, LIVE, *_SEEN_BY_HOLDER, CHANGE, FINAL),
    "representative": (*_AS_REPRESENTATIVE, LIVE, *_SEEN_BY_OTHERS, CHANGE),
    "carer": (*_AS_CARER, LIVE, *_SEEN_BY_OTHERS, CHANGE),
    "professional": (*_AS_PROFESSIONAL, OWN, LIVE, LABELLED, CHANGE, UNMASKABLE, STAYS_ALLOWED, FINAL),
    "software": (*_AS_SOFTWARE, OWN, LIVE, LABELLED, CHANGE, UNMASKABLE, STAYS_ALLOWED, FINAL),
}
"""Requirements for masking, hiding and showing a document."""
ARCHIVERS: RequirementTable = {
    "patient": (*_AS_HOLDER, LIVE, *_SEEN_BY_HOLDER, PATIENTS_OWN, ARCHIVES),
    "representative": (*_AS_REPRESENTATIVE, LIVE, *_SEEN_BY_OTHERS, PATIENTS_OWN, ARCHIVES),
    "carer": (*_AS_CARER, LIVE, *_SEEN_BY_OTHERS, PATIENTS_OWN, ARCHIVES),
    "professional": (*_AS_PROFESSIONAL, OWN, LIVE, LABELLED, ARCHIVES),
    "software": (*_AS_SOFTWARE, OWN, LIVE, LABELLED, ARCHIVES),
}
"""Requirements for archiving a document and for taking it out of the archive."""
DELETERS: RequirementTable = {
    "patient": (*_AS_HOLDER, LIVE, *_SEEN_BY_HOLDER, PATIENTS_OWN),
    "representative": (*_AS_REPRESENTATIVE, LIVE, *_SEEN_BY_OTHERS, PATIENTS_OWN),
    "carer": (*_AS_CARER, LIVE, *_SEEN_BY_OTHERS, PATIENTS_OWN),
    "professional": (*_AS_PROFESSIONAL, OWN, LIVE, LABELLED),
    "software": (*_AS_SOFTWARE, OWN, LIVE, LABELLED),
}
"""Requirements for deleting a document."""


def rule_of(facts: Facts) -> str:
    """Returns the code of the rule that permitted the writing."""
    if _is_patient_side(facts):
        return "own-document" if facts.action == "deposit" else "patient-side"
    if facts.action == "deposit":
        return "feeding"
    return "author" if facts.actor_kind == "professional" else "own-deposit"
