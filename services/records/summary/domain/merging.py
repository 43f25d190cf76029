"""Recognises one statement that several documents make, so that it is one line with several sources.

Two facts are the same where they are about the same thing and one of them says nothing that the other does not. So no
detail of any document is lost: a reaction, a date or a dose that only one of them states keeps its line.
"""

from collections.abc import Hashable
from typing import Any, Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import Concept

_DETAILS: Final = (
    *("scope", "phase", "category", "value", "time", "reason", "interpretation", "method", "panel", "certainty"),
    *("severity", "criticality", "clinical_status", "reactions", "details", "comments", "marks"),
)
_WITHOUT_TIME: Final = tuple(name for name in _DETAILS if name != "time")
"""A treatment that goes on is restated with other dates: the newest statement of the same dosage counts."""
_TAKING: Final = ("ingredients", "posology", "instructions", "route", "form", "dose_number")
"""The details of a treatment that count; a box's lot, quantity and refills do not."""

Subject = tuple[Hashable, ...]
"""What a fact is about, and whether it says that there is something."""


def subject_of(fact: ClinicalFact) -> Subject:
    """Returns what two facts must have in common to be the same statement."""
    return (
        *topic_of(fact),
        fact.statement,
        fact.is_positive,
        fact.is_planned,
    )


def topic_of(fact: ClinicalFact) -> Subject:
    """Returns what a fact is about: its kind, its code and the part of the body. Two sides are two topics."""
    return (fact.kind, _identity(fact.code), _identity(fact.side), *[_identity(site) for site in fact.site])


def details_of(fact: ClinicalFact) -> frozenset[tuple[str, Any]]:
    """Returns all that a fact says beside its subject, by the name of the element."""
    names = _WITHOUT_TIME if fact.kind is FactKind.TREATMENT else _DETAILS
    details = {(name, value) for name in names if (value := getattr(fact, name))}
    if fact.status != "stated" and not fact.is_planned:
        details.add(("status", fact.status))
    if fact.treatment is not None:
        details |= {(name, value) for name in _TAKING if (value := getattr(fact.treatment, name))}
    if fact.kind is FactKind.BLOOD_GROUP:
        laboratories = tuple(party for party in fact.parties if party.role == "laboratory")
        details |= {("laboratories", laboratories)} if laboratories else set()
    if fact.code is not None and fact.code.qualifiers:
        details.add(("qualifiers", fact.code.qualifiers))
    return frozenset(details)


def _identity(concept: Concept | None) -> Hashable:
    """Returns the code with its system; without any code the words, whose case does not count."""
    if concept is None:
        return None
    for coding in concept.codings:
        return (coding.system, coding.code)
    return " ".join((concept.text or "").split()).casefold() or None
