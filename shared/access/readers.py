"""The requirements for reading: `read`, `find`, `read-summary`, `read-reimbursements`, `export`, `certify` and
`confirm-summary`.

Sources: Code de la santé publique L1111-15, L1111-17 to L1111-19, R1111-46, R1111-49; arrêté of 26 October 2023 (the
matrix); DMPi EX_3.1-1030 (which callers find masked documents).
"""

from shared.access.facts import Facts
from shared.access.requirements import (
    ALLOWED_CELLS,
    CARER,
    CHOICES,
    CITATIONS,
    FRESH,
    FRESH_UNLESS_OWN_OR_EMERGENCY,
    HOLDER,
    KIND,
    LABELLED,
    LIVING,
    MODE,
    MOTIVE,
    NAMED,
    OPEN,
    PUBLISHED,
    READING_ROLE,
    RECORD,
    REPRESENTATIVE,
    SECRET,
    VISIBLE_STATUSES,
    VISIBLE_TO_PATIENT,
    VISIBLE_TO_REPRESENTATIVES,
    Requirement,
    asks_for_a_document,
    is_attending,
    is_author,
    is_emergency,
    of_document,
)
from shared.terminology import access_modes
from shared.terminology.visibility import Visibility

_HIDING = frozenset(label.value for label in Visibility)
READING = frozenset({"read", "find", "read-summary", "read-reimbursements"})


def _unblocked(facts: Facts) -> bool:
    """A block of the professional holds in every mode; a block of the structure does not stop emergency regulation."""
    return facts.blocked == "none" or (facts.blocked == "structure" and facts.mode == access_modes.REGULATION_CENTRE)


def _consented(facts: Facts) -> bool:
    if facts.never is not None:  # express consent only: neither care team nor attending doctor
        return facts.authorisation == "valid"
    in_team = facts.care_team == "valid" and not facts.care_team_objected
    return facts.authorisation == "valid" or is_attending(facts) or in_team


def _unopposed(facts: Facts) -> bool:
    match facts.mode:
        case access_modes.BREAK_GLASS:
            return facts.break_glass
        case access_modes.REGULATION_CENTRE:
            return facts.regulation_centre
        case _:
            return True


def _sees_what_is_hidden(facts: Facts) -> bool:
    """Whether masked documents and hidden sections are visible to the caller (EX_3.1-1030, R1111-49)."""
    return facts.author or is_attending(facts) or (is_emergency(facts) and facts.masked_in_emergency)


def _is_hidden_from_somebody(facts: Facts) -> bool:
    return facts.section_hidden or facts.by_minor_in_secret or not facts.labels.isdisjoint(_HIDING)


BLOCKED = Requirement("blocked", _unblocked, hides_existence=True)
AUTHORISED = Requirement(
    "not-authorised", lambda f: is_emergency(f) or is_author(f) or _consented(f), hides_existence=True
)
UNOPPOSED = Requirement("emergency-opposed", lambda f: is_author(f) or _unopposed(f), hides_existence=True)
MATRIX = Requirement(
    "not-in-matrix", of_document(lambda f: f.author or f.matrix_cell in ALLOWED_CELLS), hides_existence=True
)
SECTION = Requirement(
    "section-hidden", of_document(lambda f: not f.section_hidden or _sees_what_is_hidden(f)), hides_existence=True
)
MASKED = Requirement(
    "masked", of_document(lambda f: Visibility.MASKED not in f.labels or _sees_what_is_hidden(f)), hides_existence=True
)
REFERENCED = Requirement("not-referenced", lambda f: f.relation == "application", hides_existence=True)
GRANTED = Requirement("section-not-granted", of_document(lambda f: f.application_may), hides_existence=True)
ONE_DOCUMENT = Requirement("search-not-permitted", lambda f: f.action == "read" or f.document_status is not None)
DOCUMENTS_ONLY = Requirement("action-not-permitted", lambda f: f.action in ("read", "find"))
CURRENT = Requirement(
    "not-current", of_document(lambda f: f.document_status in ("published", "archived")), hides_existence=True
)
OWN_DEPOSIT = Requirement("not-own-deposit", lambda f: f.own_deposit, hides_existence=True)
STRUCTURE_UNBLOCKED = Requirement("blocked", lambda f: f.blocked in ("none", "professional"), hides_existence=True)
KEPT = Requirement(
    "not-published", lambda f: f.document_status in VISIBLE_STATUSES | {"received", "refused"}, hides_existence=True
)

ORDINARY = Requirement("mode-not-permitted", lambda f: f.mode == access_modes.NORMAL and not f.secret)
ATTENDING = Requirement("not-attending-doctor", is_attending)
SHOWN_TO_ALL = Requirement(
    "source-hidden", of_document(lambda f: not _is_hidden_from_somebody(f)), hides_existence=True
)

PATIENT = (KIND, MODE, HOLDER, LIVING, PUBLISHED, LABELLED, VISIBLE_TO_PATIENT, CITATIONS)
_FOR_ANOTHER = (LIVING, RECORD, OPEN, PUBLISHED, LABELLED, VISIBLE_TO_PATIENT, VISIBLE_TO_REPRESENTATIVES, CITATIONS)
READERS: dict[str, tuple[Requirement, ...]] = {
    "patient": PATIENT,
    "representative": (KIND, MODE, FRESH, REPRESENTATIVE, *_FOR_ANOTHER),
    "carer": (KIND, MODE, FRESH, CARER, *_FOR_ANOTHER),
    "application": (KIND, MODE, FRESH, LIVING, RECORD, OPEN, CHOICES, REFERENCED, GRANTED, *_FOR_ANOTHER[3:]),
    "professional": (
        *(KIND, READING_ROLE, MODE, MOTIVE, FRESH_UNLESS_OWN_OR_EMERGENCY),
        *(NAMED, LIVING, RECORD, OPEN, SECRET, CHOICES, BLOCKED, AUTHORISED, UNOPPOSED, MATRIX),
        *(PUBLISHED, LABELLED, SECTION, MASKED, CITATIONS),
    ),
    "software": (
        *(KIND, MODE, DOCUMENTS_ONLY, ONE_DOCUMENT),
        *(LIVING, RECORD, OPEN, OWN_DEPOSIT, STRUCTURE_UNBLOCKED, KEPT, CITATIONS),
    ),
}
"""No other kind of actor ever reads: neither insurers, employers, funds, support and operators nor an unknown kind."""
EXPORTERS: dict[str, tuple[Requirement, ...]] = {kind: READERS[kind] for kind in ("patient", "representative")}
"""The requirements for a copy of the whole record and of each document in it. Nobody else takes such a copy."""
CERTIFIERS: dict[str, tuple[Requirement, ...]] = {kind: (*table, CURRENT) for kind, table in EXPORTERS.items()}
"""The requirements for a vaccination certificate, and for each document on which it rests.

It is shown to third parties in the person's name. That is an act of the holder and of representatives (R1111-40): a
carer helps in the record and does not speak for the person.
"""
CONFIRMERS: dict[str, tuple[Requirement, ...]] = {
    "professional": (
        *(KIND, READING_ROLE, ORDINARY, FRESH, LIVING, RECORD, OPEN, CHOICES, BLOCKED, AUTHORISED, ATTENDING),
        *(MATRIX, PUBLISHED, LABELLED, SHOWN_TO_ALL),
    )
}
"""The requirements for confirming the summary sheet, and for each document whose lines are offered for it. The médecin
traitant alone confirms, in the ordinary mode and on fresh copies."""


def rule_of(facts: Facts) -> str:
    """Returns the code of the rule that permitted the reading."""
    match facts.actor_kind:
        case "patient":
            return "own-record"
        case "software":
            return "own-deposit"
        case "professional":
            return _professional_rule(facts)
        case kind:
            return kind


def confirmation_rule_of(_facts: Facts) -> str:
    """Returns the code of the rule that permitted a confirmation: there is a single one."""
    return "attending-doctor"


def _professional_rule(facts: Facts) -> str:
    if is_author(facts):
        return "author"
    if is_emergency(facts):
        return "break-glass" if facts.mode == access_modes.BREAK_GLASS else "regulation-centre"
    if is_attending(facts):
        return "attending-doctor"
    return "authorised" if facts.authorisation == "valid" else "care-team"


def notices_of(facts: Facts) -> tuple[str, ...]:
    """Returns the notices that go with the answer."""
    if facts.mode == access_modes.NORMAL and facts.matrix_cell == "allowed" and facts.document_status == "published":
        return ()  # a shortcut for the most frequent reading
    by_default = facts.actor_kind == "professional" and facts.matrix_cell == "allowed-by-default" and not facts.author
    state = facts.document_status if facts.document_status in ("archived", "superseded") else None
    notices = (
        "emergency" if is_emergency(facts) else None,
        "not-from-the-decree" if by_default and asks_for_a_document(facts) else None,
        state,
    )
    return tuple(notice for notice in notices if notice is not None)
