"""Which facts feed which chapter of the sheet, when a line is old, and in which order lines stand."""

from datetime import date, timedelta
from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.summary.domain.sheet import Chapter

_CHAPTERS: Final[dict[FactKind, Chapter]] = {
    FactKind.BLOOD_GROUP: Chapter.BLOOD_GROUP,
    FactKind.ALLERGY: Chapter.ALLERGIES,
    FactKind.ADVERSE_EFFECT: Chapter.ALLERGIES,
    FactKind.TREATMENT: Chapter.TREATMENTS,
    FactKind.PROBLEM: Chapter.PROBLEMS,
    FactKind.PROCEDURE: Chapter.PROCEDURES,
    FactKind.DEVICE: Chapter.IMPLANTS,
    FactKind.PREGNANCY: Chapter.PREGNANCY,
    FactKind.VACCINATION: Chapter.VACCINATIONS,
    FactKind.DIRECTIVE: Chapter.DIRECTIVES,
}
"""What a relative has, the way of life, findings, results and measures are in no chapter."""
_DONE: Final = frozenset({Chapter.PROCEDURES, Chapter.IMPLANTS, Chapter.VACCINATIONS})
"""Chapters of what has happened: a plan is none of it."""
_OLD_AFTER: Final[dict[Chapter, timedelta]] = {
    Chapter.TREATMENTS: timedelta(days=365),
    Chapter.PREGNANCY: timedelta(days=300),
}
RECENT_VACCINATIONS: Final = timedelta(days=3653)
"""Ten years, between two boosters. A vaccination without a date is shown."""


def chapter_of(fact: ClinicalFact, today: date) -> Chapter | None:
    """Returns the chapter in which a fact stands, None: in none."""
    chapter = _CHAPTERS.get(fact.kind)
    if chapter is None or (chapter in _DONE and fact.is_planned):
        return None
    if chapter is Chapter.IMPLANTS and not fact.is_implant and fact.statement == "stated":
        return None
    if chapter is Chapter.BLOOD_GROUP and not fact.is_positive:
        return None
    if chapter is Chapter.VACCINATIONS and _is_before(fact, today - RECENT_VACCINATIONS):
        return None
    return chapter


def is_old(chapter: Chapter, newest: date | None, today: date) -> bool:
    """Whether nothing as recent as the chapter demands states the line. `newest`: the day of its newest source."""
    limit = _OLD_AFTER.get(chapter)
    return limit is not None and newest is not None and newest < today - limit


def _is_before(fact: ClinicalFact, day: date) -> bool:
    first = fact.time.first[:10] if fact.time is not None and fact.time.first is not None else None
    return first is not None and first < day.isoformat()[: len(first)]
