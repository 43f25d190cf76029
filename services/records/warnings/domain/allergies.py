"""An allergy against a prescribed medicine: the same substance, the same class, or a class that the allergy declares.

Only positive statements warn: one that is negated, refuted, coded "none" or "unknown" does not. An adverse effect of a
medicine counts as an allergy to it. Statements of the patient side warn too, and are marked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from services.records.clinical_facts.domain.model import CODE_TEXT_DISAGREE
from services.records.medicines.domain.medicines import SUBSTANCE_LEVEL, KnownMedicines
from services.records.medicines.domain.names import has_words, normalised_name
from services.records.warnings.domain.prescription import OrderedMedicine
from services.records.warnings.domain.substances import (
    ResolvedMedicine,
    atc_codes,
    codings_of_fact,
    public_codes,
    resolve_fact,
)
from services.records.warnings.domain.tables import allergy_classes
from services.records.warnings.domain.warnings import (
    ALLERGIES,
    RecordFact,
    RuleVersion,
    Unchecked,
    WarningDraft,
)

_GROUP_LEVEL: Final = 5
"""Characters of an ATC code that name a chemical group; its substances are taken as one class."""
_SHORTEST_CLASS: Final = 3


@dataclass(frozen=True)
class CheckedItem:
    """A prescribed medicine with its number and its substances."""

    number: int
    order: OrderedMedicine
    resolved: ResolvedMedicine

    @cached_property
    def label(self) -> str | None:
        """The words to show."""
        displays = (coding.display for coding in self.order.codes if coding.display)
        names = (ingredient.name for ingredient in self.order.ingredients if ingredient.name)
        return self.order.name or next(displays, None) or next(names, None)

    @property
    def as_item(self) -> tuple[int, str | None]:
        """Its number and its label."""
        return (self.number, self.label)


def check_allergies(
    items: Sequence[CheckedItem], facts: Sequence[RecordFact], public: KnownMedicines
) -> Iterator[WarningDraft | Unchecked]:
    """Yields warnings of allergies, and the allergies that are not checked or by their words only."""
    for fact in facts:
        if fact.fact.kind not in ALLERGIES:
            continue
        if CODE_TEXT_DISAGREE in fact.fact.marks and not fact.fact.is_positive and fact.fact.statement == "stated":
            yield Unchecked("code-and-text-disagree", fact.label, fact=fact)
        if fact.fact.is_positive:
            yield from _check_allergy(items, fact, public)


def _check_allergy(
    items: Sequence[CheckedItem], fact: RecordFact, public: KnownMedicines
) -> Iterator[WarningDraft | Unchecked]:
    allergen = resolve_fact(fact.fact, public)
    text = normalised_name(" ".join(_words(fact)))
    for item in items:
        draft = _same_substance(item, fact, allergen, text) or _same_class(item, fact, allergen)
        draft = draft or _declared_class(item, fact, allergen, text)
        if draft is not None:
            yield draft
    if not (allergen.substances or allergen.atc):
        yield Unchecked("allergen-by-name-only", fact.label, fact=fact)


def _same_substance(item: CheckedItem, fact: RecordFact, allergen: ResolvedMedicine, text: str) -> WarningDraft | None:
    shared = item.resolved.shared_with(allergen)
    named = sorted(name for name in item.resolved.names if has_words(text, name))
    subject = (shared or named)[:1]
    if not subject:
        return None
    return WarningDraft("allergy", RuleVersion("allergy-substance"), (item.as_item,), fact, subject[0])


def _same_class(item: CheckedItem, fact: RecordFact, allergen: ResolvedMedicine) -> WarningDraft | None:
    for code in sorted(allergen.atc):
        group = code[:_GROUP_LEVEL] if len(code) == SUBSTANCE_LEVEL else code
        if len(group) >= _SHORTEST_CLASS and any(prescribed.startswith(group) for prescribed in item.resolved.atc):
            return WarningDraft("allergy", RuleVersion("allergy-class"), (item.as_item,), fact, group)
    return None


def _declared_class(item: CheckedItem, fact: RecordFact, allergen: ResolvedMedicine, text: str) -> WarningDraft | None:
    for each in allergy_classes():
        is_declared = each.is_declared_in(text) or each.has_any(allergen.atc)
        if is_declared and each.has_any(item.resolved.atc):
            rule = RuleVersion("allergy-declared-class")
            return WarningDraft("allergy", rule, (item.as_item,), fact, each.code, allergy_class=each.code)
    return None


def _words(fact: RecordFact) -> Iterator[str]:
    """Yields the words of an allergen: the author's, and the labels of its codes unless those name a whole medicine."""
    code = fact.fact.code
    if code is None:
        return
    if code.text:
        yield code.text
    whole = {*public_codes(code.codings)}
    yield from (coding.display for coding in code.codings if coding.display and coding.code not in whole)


def needs_class(item: CheckedItem) -> bool:
    """Whether classes of allergens could not be compared with a medicine, because none of its codes is an ATC code."""
    return item.resolved.is_known and not item.resolved.atc


def classes_matter(facts: Sequence[RecordFact]) -> bool:
    """Whether an allergy to a class, or to a substance of one, is stated."""
    for fact in facts:
        if fact.fact.kind in ALLERGIES and fact.fact.is_positive:
            text = normalised_name(" ".join(_words(fact)))
            codes = frozenset(atc_codes(codings_of_fact(fact.fact)))
            if codes or any(each.is_declared_in(text) for each in allergy_classes()):
                return True
    return False
