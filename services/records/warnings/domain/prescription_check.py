"""Checks a prescription against the facts of a record that its reader may see."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from services.records.medicines.domain.interactions import InteractionLevel
from services.records.warnings.domain.allergies import CheckedItem, check_allergies, classes_matter, needs_class
from services.records.warnings.domain.prescription import Prescription
from services.records.warnings.domain.repeated_orders import check_orders
from services.records.warnings.domain.substances import resolve_order
from services.records.warnings.domain.tables import Tables
from services.records.warnings.domain.treatments import check_knowledge, check_pairs, present_treatments
from services.records.warnings.domain.warnings import (
    CheckResult,
    PrescriptionWarning,
    RecordFact,
    Unchecked,
    WarningDraft,
    WarningKind,
    warnings_of,
)

_KINDS: Final[tuple[WarningKind, ...]] = ("allergy", "interaction", "duplicate", "repeated-order")


def check_prescription(
    prescription: Prescription, facts: Sequence[RecordFact], tables: Tables, today: date
) -> CheckResult:
    """Returns the warnings, worst first, and what was not checked: that is never the same as no warning."""
    items = [
        CheckedItem(number, medicine, resolve_order(medicine, tables.medicines))
        for number, medicine in enumerate(prescription.medicines)
    ]
    outcomes = list(_outcomes(prescription, items, facts, tables, today))
    warnings = warnings_of([outcome for outcome in outcomes if isinstance(outcome, WarningDraft)])
    unchecked = [outcome for outcome in outcomes if isinstance(outcome, Unchecked)]
    return CheckResult(tuple(sorted(warnings, key=_order)), tuple(_distinct(unchecked)))


def _outcomes(
    prescription: Prescription,
    items: Sequence[CheckedItem],
    facts: Sequence[RecordFact],
    tables: Tables,
    today: date,
) -> Iterator[WarningDraft | Unchecked]:
    yield from check_orders(prescription.exams, len(items), facts, today)
    if not items:
        return
    present = present_treatments(facts, tables.medicines, today)
    yield from check_allergies(items, facts, tables.medicines)
    yield from check_pairs(items, present, tables.interactions)
    yield from check_knowledge(items, present, tables.interactions)
    if classes_matter(facts):
        yield from (Unchecked("class-unknown", item.label, item=item.number) for item in items if needs_class(item))


def _order(warning: PrescriptionWarning) -> tuple[object, ...]:
    level = list(InteractionLevel).index(warning.interaction.level) if warning.interaction is not None else 0
    return (level, _KINDS.index(warning.kind), warning.items, warning.is_of_patient_side, warning.id)


def _distinct(unchecked: Iterable[Unchecked]) -> Iterator[Unchecked]:
    """Yields each once: an undated result concerns every exam with its code."""
    passed = set()
    for each in unchecked:
        place = (each.reason, each.item, each.fact.fact.id if each.fact is not None else None)
        if place not in passed:
            passed.add(place)
            yield each
