"""A line of the sheet while it is made."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.summary.domain.merging import Details, Subject, details_of, subject_of
from services.records.summary.domain.sheet import Chapter, Declaration, LineDecision, LineOrigin, LineState
from services.records.summary.domain.sources import SheetSource
from shared.values import RedactedRepr


class StatingDocument(Struct, frozen=True, gc=False):
    """A document version that states a line. `day`: None where it is no current version."""

    document_id: UUID
    fact_id: UUID
    day: date | None
    section: str | None = None


class StatedFact(Struct, frozen=True, gc=False):
    """A fact that feeds a chapter, and its document."""

    document: SheetSource
    chapter: Chapter
    fact: ClinicalFact

    @property
    def source(self) -> StatingDocument:
        """The document as the source of a line."""
        document, fact = self.document, self.fact
        return StatingDocument(document.id, fact.id, document.day, fact.source.section_title)


@dataclass(slots=True, repr=False)
class LineDraft(RedactedRepr):
    """A line while it is made. `sources`: the one of its fact first, some perhaps twice; none of a doctor's own
    statement."""

    chapter: Chapter
    fact: ClinicalFact
    subject: Subject
    details: Details
    sources: list[StatingDocument]
    origin: LineOrigin = "document"
    declaration: Declaration | None = None
    state: LineState = "proposed"
    decisions: list[LineDecision] = field(default_factory=list)
    where: str | None = None

    @classmethod
    def of(cls, chapter: Chapter, fact: ClinicalFact, sources: Iterable[StatingDocument]) -> "LineDraft":
        """Returns a draft of a fact."""
        return cls(chapter, fact, subject_of(fact), details_of(fact), list(sources))

    @property
    def document_ids(self) -> set[UUID]:
        """The documents that state the line."""
        return {source.document_id for source in self.sources}

    def declare(self, document: SheetSource) -> None:
        """Marks the line as one of the patient side, whose document states it."""
        self.origin = "patient-side"
        if self.fact.kind is FactKind.DIRECTIVE:
            self.where = document.where
        if document.deposited_by != "organisation":
            self.declaration = Declaration(document.deposited_by, document.received_at)
