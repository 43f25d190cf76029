"""Finds the lines that contradict one another. The sheet shows a conflict as one, and nobody resolves it here.

A statement that there is nothing, or that nothing is known, holds within its scope and contradicts no other one.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import CodedValue, TextValue
from services.records.summary.domain.merging import Subject, topic_of
from services.records.summary.domain.sheet import Chapter, SummaryLine

_DATED: Final = frozenset({Chapter.PREGNANCY, Chapter.PROCEDURES, Chapter.VACCINATIONS})
"""Chapters of events: what is said of two days contradicts nothing."""
_ABO: Final = re.compile(r"(?<![A-Za-z])(AB|A|B|O)(?![A-Za-z])")
_POSITIVE: Final = re.compile(r"\+|\bpos", re.IGNORECASE)
_NEGATIVE: Final = re.compile(r"[-\u2212\u2013]\s*$|\bn[ée]g", re.IGNORECASE)


def conflict_numbers(lines: Iterable[SummaryLine]) -> dict[UUID, int]:
    """Returns the number of its group for each line that contradicts another one, from 1 in the order of the lines."""
    counted = [line for line in lines if _counts(line)]
    numbers: dict[UUID, int] = {}
    for group in (*_contradictions(counted), _blood_groups(counted)):
        if len(group) > 1:
            number = len(set(numbers.values())) + 1
            numbers |= dict.fromkeys((line.id for line in group), number)
    return numbers


def _counts(line: SummaryLine) -> bool:
    return line.origin != "patient-side" and line.state != "rejected" and line.fact.statement == "stated"


def _contradictions(lines: Sequence[SummaryLine]) -> list[list[SummaryLine]]:
    """Returns groups of lines about one topic of which some say yes and others no."""
    groups: dict[Subject, list[SummaryLine]] = {}
    for line in lines:
        if line.fact.code is not None and line.chapter is not Chapter.BLOOD_GROUP:
            moment = _moment(line.fact) if line.chapter in _DATED else None
            groups.setdefault((*topic_of(line.fact), moment), []).append(line)
    return [group for group in groups.values() if len({line.fact.is_positive for line in group}) > 1]


def _moment(fact: ClinicalFact) -> str | None:
    return fact.time.first if fact.time is not None else None


def _blood_groups(lines: Sequence[SummaryLine]) -> list[SummaryLine]:
    """Returns the lines about blood groups if two of them differ in the ABO group or in the RhD group."""
    groups = [line for line in lines if line.chapter is Chapter.BLOOD_GROUP]
    stated = [_blood_group(line.fact) for line in groups]
    differ = any(len({group[place] for group in stated if group[place] is not None}) > 1 for place in (0, 1))
    return groups if differ else []


def _blood_group(fact: ClinicalFact) -> tuple[str | None, str | None]:
    """Returns the ABO group and the RhD group that a result states, None for what its words do not say."""
    text = _words(fact)
    abo = _ABO.search(text.upper())
    rhesus = "positive" if _POSITIVE.search(text) else "negative" if _NEGATIVE.search(text) else None
    return (abo.group(1) if abo is not None else None, rhesus)


def _words(fact: ClinicalFact) -> str:
    match fact.value:
        case CodedValue(concepts):
            return next((concept.label or "" for concept in concepts), "")
        case TextValue(text):
            return text
        case _:
            return ""
