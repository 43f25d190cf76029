"""What is answered: warnings, what was not checked, and acknowledged warnings."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from services.records.medicines.domain.interactions import InteractionLevel, TableVersion
from services.records.warnings.domain.acknowledgements import StoredAcknowledgement
from services.records.warnings.domain.warnings import (
    PrescriptionWarning,
    RecordFact,
    RuleCode,
    Unchecked,
    UncheckedReason,
    WarningKind,
)
from services.records.warnings.domain.words import NOTICE, Language, acknowledged_sentence, sentence
from services.records.warnings.usecases.give_warnings import GivenWarnings


class TableVersionView(BaseModel):
    """Which edition of which source a table is. `is_built_in`: the small table that comes with this release."""

    source: str
    dated_on: date
    is_built_in: bool

    @classmethod
    def of(cls, version: TableVersion) -> Self:
        """Returns the view of a version."""
        return cls(source=version.source, dated_on=version.dated_on, is_built_in=version.is_built_in)


class RuleView(BaseModel):
    """The rule that gave a warning."""

    code: RuleCode
    version: str
    table: TableVersionView | None


class WarningFactView(BaseModel):
    """A fact of the record on which a warning rests. `declared_by`: who deposited its document."""

    fact_id: UUID
    document_id: UUID
    kind: str
    label: str | None
    status: str
    since: str | None
    declared_by: str
    marks: list[str]

    @classmethod
    def of(cls, fact: RecordFact) -> Self:
        """Returns the view of a fact."""
        time = fact.fact.time
        return cls(
            fact_id=fact.fact.id,
            document_id=fact.document_id,
            kind=fact.fact.kind,
            label=fact.label,
            status=fact.fact.status,
            since=time.first if time is not None else None,
            declared_by=fact.declared_by,
            marks=list(fact.fact.marks),
        )


class InteractionView(BaseModel):
    """The pair of the table of interactions, in the words of its source."""

    level: InteractionLevel
    first: str
    second: str
    risk: str
    advice: str | None


class AcknowledgedView(BaseModel):
    """That somebody acknowledged the warning before."""

    acknowledgement_id: UUID
    at: datetime
    professional_id: str
    reason: str


class WarningView(BaseModel):
    """A warning. `items`: the numbers of the prescription's items. `group`: the same for warnings of several documents
    that say the same. `document_id` and `facts`: of the record; none where it rests on the prescription alone."""

    id: UUID
    group: UUID
    kind: WarningKind
    text: str
    rule: RuleView
    items: list[int]
    document_id: UUID | None
    facts: list[WarningFactView]
    interaction: InteractionView | None
    days: int | None
    acknowledged: AcknowledgedView | None

    @classmethod
    def of(cls, warning: PrescriptionWarning, acknowledged: StoredAcknowledgement | None, language: Language) -> Self:
        """Returns the view of a warning."""
        rule, pair = warning.rule, warning.interaction
        return cls(
            id=warning.id,
            group=warning.group,
            kind=warning.kind,
            text=sentence(warning, language),
            rule=RuleView(
                code=rule.code,
                version=rule.version,
                table=TableVersionView.of(rule.table) if rule.table is not None else None,
            ),
            items=list(warning.items),
            document_id=warning.document_id,
            facts=[WarningFactView.of(fact) for fact in warning.facts],
            interaction=None
            if pair is None
            else InteractionView(
                level=pair.level,
                first=pair.first,
                second=pair.second,
                risk=(pair.risk_en if language == "en" else None) or pair.risk,
                advice=(pair.advice_en if language == "en" else None) or pair.advice,
            ),
            days=warning.days,
            acknowledged=None
            if acknowledged is None
            else AcknowledgedView(
                acknowledgement_id=acknowledged.id,
                at=acknowledged.acknowledged_at,
                professional_id=acknowledged.content.professional_id,
                reason=acknowledged.content.reason,
            ),
        )


class UncheckedView(BaseModel):
    """What was not checked, or not by every rule: an item of the prescription, or a fact of the record."""

    reason: UncheckedReason
    label: str | None
    item: int | None
    fact: WarningFactView | None

    @classmethod
    def of(cls, unchecked: Unchecked) -> Self:
        """Returns the view of what was not checked."""
        fact = WarningFactView.of(unchecked.fact) if unchecked.fact is not None else None
        return cls(reason=unchecked.reason, label=unchecked.label, item=unchecked.item, fact=fact)


class NotLookedAtView(BaseModel):
    """What you may see and no rule looked at: statements without a code, documents that could not be read, or are not
    read yet."""

    text_only: int
    unread: int
    pending: int


class WarningsView(BaseModel):
    """The warnings of a prescription, worst first. What is not checked is never the same as no warning.

    `medicines`: the public medicine files that are loaded, none without them.
    """

    notice: str
    warnings: list[WarningView]
    unchecked: list[UncheckedView]
    not_looked_at: NotLookedAtView
    interactions: TableVersionView
    medicines: TableVersionView | None

    @classmethod
    def of(cls, warnings: GivenWarnings, language: Language) -> Self:
        """Returns the view of warnings."""
        checked, unread = warnings.checked, warnings.unread
        return cls(
            notice=NOTICE[language],
            warnings=[
                WarningView.of(warning, warnings.acknowledged.get(warning.id), language)
                for warning in checked.result.warnings
            ],
            unchecked=[UncheckedView.of(unchecked) for unchecked in checked.result.unchecked],
            not_looked_at=NotLookedAtView(text_only=unread.text_only, unread=unread.unread, pending=unread.pending),
            interactions=TableVersionView.of(checked.interactions),
            medicines=TableVersionView.of(checked.medicines) if checked.medicines is not None else None,
        )


class MadeAcknowledgementsView(BaseModel):
    """The ids of the acknowledgements, in the ledger and in the list of them."""

    acknowledgements: list[UUID]


class AcknowledgementView(BaseModel):
    """A warning that a professional acknowledged. `text`: in words for the patient, with the advice not to stop."""

    id: UUID
    at: datetime
    kind: WarningKind
    text: str
    item: str
    other: str
    level: InteractionLevel | None
    rule: RuleView
    document_id: UUID | None
    fact_ids: list[UUID]
    professional_id: str
    organisation_id: str | None
    reason: str

    @classmethod
    def of(cls, stored: StoredAcknowledgement, language: Language) -> Self:
        """Returns the view of an acknowledgement."""
        content = stored.content
        table = None
        if content.table_source is not None and content.table_dated_on is not None:
            table = TableVersionView(
                source=content.table_source, dated_on=content.table_dated_on, is_built_in=content.is_built_in
            )
        return cls(
            id=stored.id,
            at=stored.acknowledged_at,
            kind=content.kind,
            text=acknowledged_sentence(content.kind, content.item, content.other, language),
            item=content.item,
            other=content.other,
            level=content.level,
            rule=RuleView(code=content.rule, version=content.rule_version, table=table),
            document_id=stored.document_id,
            fact_ids=list(content.fact_ids),
            professional_id=content.professional_id,
            organisation_id=content.organisation_id,
            reason=content.reason,
        )


class AcknowledgementListView(BaseModel):
    """Acknowledged warnings, newest first."""

    acknowledgements: list[AcknowledgementView]
