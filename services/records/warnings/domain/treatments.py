"""Prescribed medicines against one another and against present treatments: interactions, the same substance twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.medicines.domain.interactions import InteractionTable
from services.records.medicines.domain.medicines import KnownMedicines
from services.records.warnings.domain.allergies import CheckedItem
from services.records.warnings.domain.substances import ResolvedMedicine, resolve_fact
from services.records.warnings.domain.warnings import (
    RecordFact,
    RuleVersion,
    Unchecked,
    UncheckedReason,
    WarningDraft,
    is_since,
)

GIVEN_COUNTS: Final = timedelta(days=30)
"""How long a medicine that was given, or taken during a stay, counts as present."""


@dataclass(frozen=True, slots=True)
class PresentTreatment:
    """A treatment of the record that may go on, and its substances."""

    fact: RecordFact
    resolved: ResolvedMedicine


def present_treatments(facts: Sequence[RecordFact], public: KnownMedicines, today: date) -> list[PresentTreatment]:
    """Returns the treatments that may go on: positive, and not known to have ended. An unknown end is no end."""
    return [
        PresentTreatment(fact, resolve_fact(fact.fact, public))
        for fact in facts
        if fact.fact.kind is FactKind.TREATMENT and fact.fact.is_positive and _may_go_on(fact.fact, today)
    ]


def check_pairs(
    items: Sequence[CheckedItem], present: Sequence[PresentTreatment], table: InteractionTable
) -> Iterator[WarningDraft]:
    """Yields interactions and duplicates: within the prescription, then against present treatments."""
    for item, other in combinations(items, 2):
        yield from _pair(table, (item, other), item.resolved, other.resolved, None)
    for item in items:
        for treatment in present:
            yield from _pair(table, (item,), item.resolved, treatment.resolved, treatment.fact)


def check_knowledge(
    items: Sequence[CheckedItem], present: Sequence[PresentTreatment], table: InteractionTable
) -> Iterator[Unchecked]:
    """Yields the medicines whose substances are not known, and those that the table may miss."""
    for item in items:
        for reason in _gaps(item.resolved, table):
            yield Unchecked(reason, item.label, item=item.number)
    for treatment in present:
        for reason in _gaps(treatment.resolved, table):
            yield Unchecked(reason, treatment.fact.label, fact=treatment.fact)


def _pair(
    table: InteractionTable,
    items: tuple[CheckedItem, ...],
    first: ResolvedMedicine,
    second: ResolvedMedicine,
    fact: RecordFact | None,
) -> Iterator[WarningDraft]:
    numbered = tuple(item.as_item for item in items)
    for label in first.shared_with(second):
        yield WarningDraft("duplicate", RuleVersion("same-substance"), numbered, fact, label)
    rule = RuleVersion("interaction", table=table.version)
    for interaction in table.between((first.names, first.atc), (second.names, second.atc)):
        yield WarningDraft("interaction", rule, numbered, fact, interaction=interaction)


def _gaps(medicine: ResolvedMedicine, table: InteractionTable) -> Iterator[UncheckedReason]:
    if not medicine.is_known:
        yield "substance-unknown"
    elif not table.is_complete_by_name and not medicine.atc:
        yield "interactions-need-class"
    elif not table.is_complete_by_atc and not medicine.names:
        yield "interactions-need-name"


def _may_go_on(fact: ClinicalFact, today: date) -> bool:
    time = fact.time
    if time is None:
        return True
    if is_since(time.end, today) is False:
        return False
    is_single = fact.status == "given" or fact.phase == "stay"
    return not (is_single and is_since(time.end or time.at or time.start, today - GIVEN_COUNTS) is False)
