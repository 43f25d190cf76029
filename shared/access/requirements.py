"""The requirements of the access rules. A requirement is met only when its fact is known to be true.

Requirements that several tables use are here. Each table (in `readers`, `writers`, `rights`) sets their order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.access.facts import Facts
from shared.terminology import access_modes
from shared.terminology.professions import DOCTOR, producer_codes, role_codes
from shared.terminology.visibility import KNOWN_LABELS, Confidentiality, Visibility

MODES = frozenset({access_modes.NORMAL, *access_modes.EMERGENCY_MODES})
"""The access modes of a decision. The secret connection of a minor is a separate fact."""
VISIBLE_STATUSES = frozenset({"published", "archived", "superseded"})
"""The statuses of documents that others than the depositor may see."""
CONFIDENTIALITY = frozenset(level.value for level in Confidentiality)
ALLOWED_CELLS = frozenset({"allowed", "allowed-by-default"})


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """A condition, and the refusal when it is not met. `reason` is its stable code, in permits and refusals alike."""

    reason: str
    met: Callable[[Facts], bool]
    hides_existence: bool = False
    retry: bool = False


_BEFORE: Mapping[str, frozenset[str]] = {
    "4": frozenset({"3"}),
    "5": frozenset({"3", "4"}),
    "6": frozenset({"3", "4", "5"}),
    "8": frozenset({"3", "4", "5", "6", "7"}),
}
"""Version of the rules -> the earlier versions that are kept."""

_OF_WHOLE_RECORDS = frozenset({"find", "export", "certify", "confirm-summary"})
"""The actions that are about the whole record where their facts name no document."""
READABLE_CITATIONS = frozenset({"none", "readable"})
"""The values of the fact `citations` of documents that cite nothing hidden from the caller."""

RequirementTable = Mapping[str, tuple[Requirement, ...]]
"""Kind of actor -> its requirements, in the order in which they are checked."""


def is_since(facts: Facts, version: str) -> bool:
    """Whether the decision is made under this version of the rules or a later one."""
    return facts.as_of not in _BEFORE[version]


def of_document(met: Callable[[Facts], bool]) -> Callable[[Facts], bool]:
    """Returns the condition limited to documents: a request about the whole record meets it always."""
    return lambda facts: not asks_for_a_document(facts) or met(facts)


def asks_for_a_document(facts: Facts) -> bool:
    """Whether the request is about one document rather than the whole record."""
    return facts.document_status is not None or not _may_be_of_whole_record(facts)


def _may_be_of_whole_record(facts: Facts) -> bool:
    return facts.action in _OF_WHOLE_RECORDS or (facts.action == "read-summary" and is_since(facts, "8"))


def is_author(facts: Facts) -> bool:
    """Whether the request is about a document that the caller wrote."""
    return asks_for_a_document(facts) and facts.author


def is_emergency(facts: Facts) -> bool:
    """Whether the access mode bypasses the person's authorisation (L1111-17 I)."""
    return facts.mode in access_modes.EMERGENCY_MODES


def _may_ever(facts: Facts) -> bool:
    if facts.never is None:
        return True
    # L1111-17 IV: only the doctor, with the person's express consent and never in an emergency mode, and only where the
    # national parameter allows it.
    allowed = facts.never == "occupational-medicine" and facts.occupational_medicine == "allowed"
    is_doctor = facts.profession == DOCTOR or not is_since(facts, "4")
    return allowed and is_doctor and facts.actor_kind == "professional" and facts.mode == access_modes.NORMAL


def _mode_fits(facts: Facts) -> bool:
    if facts.actor_kind != "professional":
        return facts.mode == access_modes.NORMAL and not facts.secret
    match facts.mode:
        case access_modes.NORMAL:
            return True
        case access_modes.BREAK_GLASS:
            return is_health_profession(facts) and not facts.secret
        case access_modes.REGULATION_CENTRE:
            return facts.profession == DOCTOR and facts.regulator and not facts.secret
        case _:
            return False


def is_health_profession(facts: Facts) -> bool:
    """Whether the caller's profession is in TRE_G15."""
    return facts.profession is not None and facts.profession.startswith("G15_") and facts.profession in role_codes()


def is_attending(facts: Facts) -> bool:
    """Whether the status of attending doctor counts. It counts for doctors (Code de la sécurité sociale, L162-5-3),
    and not where express consent is required (L1111-17 IV)."""
    return facts.attending_doctor and facts.never is None and (facts.profession == DOCTOR or not is_since(facts, "4"))


def is_labelled(labels: frozenset[str]) -> bool:
    """Whether the labels contain exactly one confidentiality level and no unknown label."""
    return len(labels & CONFIDENTIALITY) == 1 and labels <= KNOWN_LABELS


def _names_the_record(facts: Facts) -> bool:
    return not is_emergency(facts) or facts.record_named or not is_since(facts, "5")


def _is_secret_of_a_minor(facts: Facts) -> bool:
    return not facts.secret or facts.minor


KIND = Requirement("kind-not-permitted", _may_ever)
MODE = Requirement("mode-not-permitted", _mode_fits)
READING_ROLE = Requirement("profession-not-permitted", lambda f: f.profession in role_codes())
WRITING_ROLE = Requirement(
    "profession-not-permitted", lambda f: f.profession in role_codes() or f.profession in producer_codes()
)
MOTIVE = Requirement("motive-missing", lambda f: not is_emergency(f) or f.motive)
FRESH = Requirement("copies-too-old", lambda f: f.copies_fresh, retry=True)
# Checked before anything that differs between records, so that old copies give the same answer for all of them. In an
# emergency, and for the caller's own document, the last known choices are better than none.
FRESH_UNLESS_OWN_OR_EMERGENCY = Requirement(
    "copies-too-old", lambda f: f.copies_fresh or is_emergency(f) or (is_author(f) and is_since(f, "4")), retry=True
)
# An emergency token is for one record. Any other record answers like one that does not exist.
NAMED = Requirement("record-not-named", _names_the_record, hides_existence=True)
# The holder's death ends every action in the record, including those of the holder's account and in emergencies.
LIVING = Requirement("holder-deceased", lambda f: f.record_status != "deceased", hides_existence=True)
RECORD = Requirement("record-unknown", lambda f: f.record_status in ("open", "closed"), hides_existence=True)
OPEN = Requirement("record-closed", lambda f: f.record_status == "open", hides_existence=True)
SECRET = Requirement("minor-only", _is_secret_of_a_minor, hides_existence=True)
CHOICES = Requirement("choices-unknown", lambda f: f.choices_known, retry=True)
HOLDER = Requirement("not-own-record", lambda f: f.relation == "holder", hides_existence=True)
REPRESENTATIVE = Requirement("not-own-record", lambda f: f.relation == "representative", hides_existence=True)
CARER = Requirement("not-own-record", lambda f: f.relation == "carer", hides_existence=True)
PUBLISHED = Requirement(
    "not-published", of_document(lambda f: f.document_status in VISIBLE_STATUSES), hides_existence=True
)
LABELLED = Requirement("label-unknown", of_document(lambda f: is_labelled(f.labels)), hides_existence=True)
VISIBLE_TO_PATIENT = Requirement(
    "invisible-to-patient", of_document(lambda f: Visibility.INVISIBLE_TO_PATIENT not in f.labels), hides_existence=True
)
# A version of the summary sheet is seen by those alone who may read each document that it cites.
CITATIONS = Requirement(
    "citation-hidden",
    of_document(lambda f: f.citations in READABLE_CITATIONS or not is_since(f, "8")),
    hides_existence=True,
)
VISIBLE_TO_REPRESENTATIVES = Requirement(
    "invisible-to-representatives",
    of_document(lambda f: Visibility.INVISIBLE_TO_REPRESENTATIVES not in f.labels),
    hides_existence=True,
)
