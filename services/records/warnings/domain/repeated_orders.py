"""An ordered exam whose code has a result or an order a short time ago; the days are a table."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from services.records.clinical_facts.domain.model import FactKind
from services.records.clinical_facts.domain.values import Coding
from services.records.warnings.domain.prescription import OrderedExam
from services.records.warnings.domain.substances import system_name
from services.records.warnings.domain.tables import repeat_days
from services.records.warnings.domain.warnings import RecordFact, RuleVersion, Unchecked, WarningDraft, is_since
from shared.cda.times import moment_of
from shared.moments import FRANCE

_EXAMS: Final = frozenset({FactKind.RESULT, FactKind.MEASURE, FactKind.PROCEDURE, FactKind.BLOOD_GROUP})


def check_orders(
    exams: Sequence[OrderedExam], first_number: int, facts: Sequence[RecordFact], today: date
) -> Iterator[WarningDraft | Unchecked]:
    """Yields exams with a result or an order within their days, and facts of the same code without a date."""
    candidates = [fact for fact in facts if fact.fact.kind in _EXAMS and fact.fact.is_positive]
    for number, exam in enumerate(exams, first_number):
        ordered = {_identity(coding) for coding in exam.codes}
        days = repeat_days(exam.codes)
        for fact in candidates:
            codings = fact.fact.code.codings if fact.fact.code is not None else ()
            if not ordered.isdisjoint(_identity(coding) for coding in codings):
                yield from _compare(number, exam, fact, today, days)


def _compare(
    number: int, exam: OrderedExam, fact: RecordFact, today: date, days: int
) -> Iterator[WarningDraft | Unchecked]:
    first = fact.fact.time.first if fact.fact.time is not None else None
    moment = moment_of(first) if first is not None else None
    if first is None or moment is None:
        yield Unchecked("undated", fact.label, fact=fact)
        return
    day = moment.astimezone(FRANCE).date()
    since = (today - day).days
    is_recent = is_since(first, today - timedelta(days=days)) is True
    if is_recent and -since <= days:
        label = exam.name or next((coding.display for coding in exam.codes if coding.display), None)
        subject = f"{day} {fact.fact.status}"
        yield WarningDraft(
            "repeated-order", RuleVersion("same-order"), ((number, label),), fact, subject, days=max(since, 0)
        )


def _identity(coding: Coding) -> tuple[str | None, str]:
    return (system_name(coding.system) or coding.system, coding.code)
