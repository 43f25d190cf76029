"""Recognises one statement that several documents make, so that it is one line with several sources.

Two facts are the same where they are about the same thing and one of them says nothing that the other does not. So no
detail of any document is lost: a reaction, a date or a dose that only one of them states keeps its line.
"""

from collections.abc import Hashable
from operator import attrgetter
from typing import Any, Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import Concept

_DETAILS: Final = (
    *("scope", "phase", "category", "value", "reason", "interpretation", "method", "panel", "certainty", "severity"),
    *("criticality", "clinical_status", "reactions", "details", "comments", "marks"),
)
_TAKING: Final = ("ingredients", "posology", "instructions", "route", "form", "dose_number")
"""The details of a treatment that count; a box's lot, quantity and refills do not."""
_details, _taking = attrgetter(*_DETAILS), attrgetter(*_TAKING)
_NOTHING_TAKEN: Final = (None,) * len(_TAKING)
_FINE: Final = frozenset({"stated", "planned", "prescribed", "recommended"})
"""Statuses that a fact's subject says already."""

Subject = tuple[Hashable, ...]
"""What a fact is about, and whether it says that there is something."""
Details = tuple[Any, ...]
"""All that a fact says beside its subject, each in its place; None or empty where it does not say it."""


def subject_of(fact: ClinicalFact) -> Subject:
    """Returns what two facts must have in common to be the same statement."""
    return (*topic_of(fact), fact.statement, fact.is_positive, fact.is_planned)


def topic_of(fact: ClinicalFact) -> Subject:
    """Returns what a fact is about: its kind, its code and the part of the body. Two sides are two topics."""
    side = fact.side
    sites = [_identity(site) for site in fact.site] if fact.site else ()
    return (fact.kind, _identity(fact.code), None if side is None else _identity(side), *sites)


def details_of(fact: ClinicalFact) -> Details:
    """Returns the details of a fact.

    A treatment that goes on is restated with other dates, so that its time is none: the newest statement of the same
    dosage counts.
    """
    code, treatment = fact.code, fact.treatment
    laboratories: tuple[Any, ...] = ()
    if fact.kind is FactKind.BLOOD_GROUP:
        laboratories = tuple(party for party in fact.parties if party.role == "laboratory")
    return (
        *_details(fact),
        None if fact.kind is FactKind.TREATMENT else fact.time,
        None if fact.status in _FINE else fact.status,
        None if code is None else code.qualifiers,
        laboratories,
        *(_NOTHING_TAKEN if treatment is None else _taking(treatment)),
    )


def adds_nothing(details: Details, other: Details) -> bool:
    """Returns whether every detail also stands among the other ones."""
    return details == other or all(not detail or detail == own for detail, own in zip(details, other, strict=True))


def count_details(details: Details) -> int:
    """Returns how many details there are."""
    return len(details) - details.count(None) - details.count(())


def _identity(concept: Concept | None) -> Hashable:
    """Returns the code with its system; without any code the words, whose case does not count."""
    if concept is None:
        return None
    coding = concept.coding
    if coding is None and concept.translations:
        coding = concept.translations[0]
    if coding is not None:
        return (coding.system, coding.code)
    return " ".join((concept.text or "").split()).casefold() or None
