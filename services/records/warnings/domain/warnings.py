"""A warning, what it rests on, and what could not be checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.facts.domain.documents import DepositorKind
from services.records.medicines.domain.interactions import Interaction, TableVersion
from shared.runtime import clock
from shared.values import RedactedRepr

RULES_VERSION: Final = "1"
"""Raised with every change that gives another warning for the same facts."""

WarningKind = Literal["allergy", "interaction", "duplicate", "repeated-order"]
RuleCode = Literal[
    "allergy-substance", "allergy-class", "allergy-declared-class", "interaction", "same-substance", "same-order"
]
UncheckedReason = Literal[
    "substance-unknown",
    "class-unknown",
    "interactions-need-name",
    "interactions-need-class",
    "allergen-by-name-only",
    "code-and-text-disagree",
    "undated",
]
"""Why something was not checked, or in part: nothing says which substances it has; its ATC code is not known, so that
classes could not be compared; the table of interactions has members that only a name, or only an ATC code, would find;
an allergen has no code of a substance; its negation and its text disagree; a result has no date."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """The rule that gave a warning, its version, and that of the table of interactions where it used one."""

    code: RuleCode
    version: str = RULES_VERSION
    table: TableVersion | None = None


@dataclass(frozen=True, slots=True, repr=False)
class RecordFact(RedactedRepr):
    """A fact of the record that the reader may see. `declared_by`: who deposited its document."""

    fact: ClinicalFact
    document_id: UUID
    declared_by: DepositorKind = "organisation"

    @property
    def label(self) -> str | None:
        """The words to show."""
        return self.fact.code.label if self.fact.code is not None else None


@dataclass(frozen=True, slots=True, repr=False)
class PrescriptionWarning(RedactedRepr):
    """A warning. It rests on a single document of the record, or on the prescription alone.

    `id`: equal for the same prescription, facts, rule and tables. `group`: equal for warnings of several documents that
    say the same. `items`: the numbers of the prescription's items. `allergy_class`: a class of the table of
    allergies, by its code. `days`: since the result or the order.
    """

    id: UUID
    group: UUID
    kind: WarningKind
    rule: RuleVersion
    items: tuple[int, ...]
    labels: tuple[str | None, ...]
    document_id: UUID | None = None
    facts: tuple[RecordFact, ...] = ()
    interaction: Interaction | None = None
    allergy_class: str | None = None
    days: int | None = None

    @property
    def is_of_patient_side(self) -> bool:
        """Whether the patient side declared what it rests on."""
        return any(fact.declared_by != "organisation" for fact in self.facts)


@dataclass(frozen=True, slots=True, repr=False)
class Unchecked(RedactedRepr):
    """What was not checked, or not by every rule: an item of the prescription, or a fact of the record."""

    reason: UncheckedReason
    label: str | None
    item: int | None = None
    fact: RecordFact | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult(RedactedRepr):
    """The warnings, worst first, and what they could not look at."""

    warnings: tuple[PrescriptionWarning, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class WarningDraft(RedactedRepr):
    """What a rule found: items of the prescription by number and label, and a fact of the record.

    `subject`: the substances or classes in which they agree.
    """

    kind: WarningKind
    rule: RuleVersion
    items: tuple[tuple[int, str | None], ...]
    fact: RecordFact | None = None
    subject: str = ""
    interaction: Interaction | None = None
    allergy_class: str | None = None
    days: int | None = None

    @property
    def meaning(self) -> tuple[object, ...]:
        """What drafts have in common that say the same."""
        return (self.rule, self.items, self.subject, self.interaction, self.allergy_class)

    @property
    def place(self) -> tuple[object, ...]:
        """What drafts have in common that are one warning: they say the same and rest on one document."""
        return (*self.meaning, self.fact.document_id if self.fact is not None else None)


def warnings_of(drafts: Sequence[WarningDraft]) -> tuple[PrescriptionWarning, ...]:
    """Returns the warnings of these drafts, in their order; facts of one document that say the same are together."""
    by_place: dict[tuple[object, ...], list[WarningDraft]] = {}
    for draft in drafts:
        by_place.setdefault(draft.place, []).append(draft)
    return tuple(_warning(group) for group in by_place.values())


def is_since(first: str | None, day: date) -> bool | None:
    """Whether a time may be on this day or later; None where it is unknown."""
    return None if first is None else first[:10] >= day.isoformat()[: len(first[:10])]


ALLERGIES: Final = frozenset({FactKind.ALLERGY, FactKind.ADVERSE_EFFECT})


def _warning(drafts: Sequence[WarningDraft]) -> PrescriptionWarning:
    draft = drafts[0]
    facts = tuple(each.fact for each in drafts if each.fact is not None)
    days = [each.days for each in drafts if each.days is not None]
    seen = sorted(str(fact.fact.id) for fact in facts)
    return PrescriptionWarning(
        id=clock.hashed_id(repr((draft.place, seen)).encode()),
        group=clock.hashed_id(repr(draft.meaning).encode()),
        kind=draft.kind,
        rule=draft.rule,
        items=tuple(number for number, _ in draft.items),
        labels=tuple(label for _, label in draft.items),
        document_id=draft.fact.document_id if draft.fact is not None else None,
        facts=facts,
        interaction=draft.interaction,
        allergy_class=draft.allergy_class,
        days=min(days, default=None),
    )
