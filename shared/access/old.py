"""Who may deposit and who may read: each list is the one order in which requirements are asked for.

The first that is not met is the reason. A requirement is met only when its fact is known to be so.

Sources: Code de la santé publique L1111-15, L1111-17 to L1111-19, R1111-46, R1111-49; DMPi EX_2.1-1050 (a document is
not both masked and invisible to the patient), EX_3.1-1030 (masked documents are found by few).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.access.facts import DepositFacts, Permit, ReadFacts, Refusal
from shared.terminology.visibility import Confidentiality, Visibility

RULES_VERSION = "1"
MASKED_AND_INVISIBLE_ALLOWED = False
"""The national parameter `cumul-invisible_patient-masque_ps`."""

F = TypeVar("F", DepositFacts, ReadFacts)

_CONFIDENTIALITY = frozenset(one.value for one in Confidentiality)
_VISIBILITY = frozenset(one.value for one in Visibility)
_KNOWN_LABELS = _CONFIDENTIALITY | _VISIBILITY
_SHARED = frozenset({Confidentiality.NORMAL.value})
_MASKED_AND_INVISIBLE = frozenset({Visibility.MASKED.value, Visibility.INVISIBLE_TO_PATIENT.value})
_PRODUCERS = frozenset({"AUTOMATE", "SECRETARIAT_MEDICAL", "EXP_PATIENT", "ALIM_AM", "DISPOSITIF"})
"""Codes of TRE_A00 that may stand as an author and never read."""
_RECORD_STATUSES = frozenset({"open", "closed"})
_DOCUMENT_STATUSES = frozenset({"received", "published", "refused"})


@dataclass(frozen=True, slots=True)
class _Requirement(Generic[F]):
    """What must be so, and how it is refused where it is not."""

    reason: str
    met: Callable[[F], bool]
    by_choice: bool = False
    retry: bool = False


def _is_labelled(labels: frozenset[str]) -> bool:
    return len(labels & _CONFIDENTIALITY) == 1 and labels <= _KNOWN_LABELS


def _asks_for_a_document(facts: ReadFacts) -> bool:
    return facts.action == "read" or facts.document_status is not None


def _of_document(met: Callable[[ReadFacts], bool]) -> Callable[[ReadFacts], bool]:
    """The requirement holds for a document; a search in the record is not asked for it."""
    return lambda facts: not _asks_for_a_document(facts) or met(facts)


_DEPOSIT: tuple[_Requirement[DepositFacts], ...] = (
    _Requirement("record-unknown", lambda f: f.record_status in _RECORD_STATUSES),
    _Requirement("record-closed", lambda f: f.record_status == "open"),
    _Requirement("organisation-unknown", lambda f: bool(f.organisation_id)),
    _Requirement("consent-opposed", lambda f: f.organisation_objected is False, by_choice=True),
    _Requirement("label-unknown", lambda f: f.labels <= _KNOWN_LABELS),
    _Requirement("labels-not-allowed", lambda f: f.labels & _CONFIDENTIALITY == _SHARED),
    _Requirement(
        "masked-and-invisible", lambda f: MASKED_AND_INVISIBLE_ALLOWED or not f.labels >= _MASKED_AND_INVISIBLE
    ),
)

_EVERYBODY: tuple[_Requirement[ReadFacts], ...] = (
    _Requirement("mode-unsupported", lambda f: f.mode == "normal"),
    _Requirement("action-unknown", lambda f: f.action in ("read", "find")),
)

_PUBLISHED: tuple[_Requirement[ReadFacts], ...] = (
    _Requirement("not-published", _of_document(lambda f: f.document_status == "published"), by_choice=True),
    _Requirement("label-unknown", _of_document(lambda f: _is_labelled(f.labels)), by_choice=True),
)

_PATIENT: tuple[_Requirement[ReadFacts], ...] = (
    *_EVERYBODY,
    _Requirement("not-own-record", lambda f: f.own_record is True, by_choice=True),
    *_PUBLISHED,
    _Requirement(
        "invisible-to-patient",
        _of_document(lambda f: Visibility.INVISIBLE_TO_PATIENT not in f.labels),
        by_choice=True,
    ),
)

_PROFESSIONAL: tuple[_Requirement[ReadFacts], ...] = (
    *_EVERYBODY,
    _Requirement("profession-not-permitted", lambda f: bool(f.profession) and f.profession not in _PRODUCERS),
    # Asked before anything that differs from record to record: an old copy answers the same for all of them.
    _Requirement("copies-too-old", lambda f: f.copies_fresh is True, retry=True),
    _Requirement("record-unknown", lambda f: f.record_status in _RECORD_STATUSES, by_choice=True),
    _Requirement("record-closed", lambda f: f.record_status == "open", by_choice=True),
    _Requirement("choices-unknown", lambda f: f.choices_known is True, retry=True),
    _Requirement("blocked", lambda f: f.blocked is False, by_choice=True),
    _Requirement("not-authorised", lambda f: f.authorised is True, by_choice=True),
    *_PUBLISHED,
    _Requirement(
        "masked",
        _of_document(lambda f: Visibility.MASKED not in f.labels or f.author is True),
        by_choice=True,
    ),
)

_SOFTWARE: tuple[_Requirement[ReadFacts], ...] = (
    *_EVERYBODY,
    _Requirement("search-not-permitted", _asks_for_a_document),
    _Requirement("not-own-deposit", lambda f: f.own_deposit is True, by_choice=True),
    _Requirement("status-unknown", lambda f: f.document_status in _DOCUMENT_STATUSES, by_choice=True),
)

_READERS: dict[str, tuple[tuple[_Requirement[ReadFacts], ...], Callable[[ReadFacts], str]]] = {
    "patient": (_PATIENT, lambda _: "own-record"),
    "professional": (_PROFESSIONAL, lambda f: "author" if Visibility.MASKED in f.labels else "authorised"),
    "software": (_SOFTWARE, lambda _: "own-deposit"),
}


def decide_deposit(facts: DepositFacts) -> Permit | Refusal:
    """Whether this document may enter the record: it needs no authorisation (L1111-15), but nobody's objection."""
    return _first_unmet(_DEPOSIT, facts) or Permit("feeding", RULES_VERSION)


def decide_read(facts: ReadFacts) -> Permit | Refusal:
    """Whether this actor may see this document, or search this record. Who is not named here may never read."""
    reader = _READERS.get(facts.actor_kind)
    if reader is None:
        return Refusal("kind-not-permitted", False, RULES_VERSION)
    requirements, rule = reader
    return _first_unmet(requirements, facts) or Permit(rule(facts), RULES_VERSION)


def _first_unmet(requirements: tuple[_Requirement[F], ...], facts: F) -> Refusal | None:
    for one in requirements:
        if not one.met(facts):
            return Refusal(one.reason, one.by_choice, RULES_VERSION, one.retry)
    return None
