"""A line of the sheet while it is made."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.summary.domain.merging import Subject, details_of, subject_of
from services.records.summary.domain.sheet import Chapter, Declaration, LineDecision, LineOrigin, LineState
from services.records.summary.domain.sources import SheetSource
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class StatingDocument(RedactedRepr):
    """A document version that states a line. `day`: None where it is no current version."""

    document_id: UUID
    fact_id: UUID
    day: date | None
    section: str | None = None

    @classmethod
    def of(cls, document: SheetSource, fact: ClinicalFact) -> "StatingDocument":
        """Returns a current document as the source of a fact in it."""
        return cls(document.id, fact.id, document.day, fact.source.section_title)


@dataclass(slots=True, repr=False)
class LineDraft(RedactedRepr):
    """A line while it is made. `sources`: the one of its fact first; none of a doctor's own statement."""

    chapter: Chapter
    fact: ClinicalFact
    subject: Subject
    details: frozenset[tuple[str, Any]]
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

    def declare(self, document: SheetSource) -> None:
        """Marks the line as one of the patient side, whose document states it."""
        self.origin = "patient-side"
        if document.deposited_by != "organisation":
            self.declaration = Declaration(document.deposited_by, document.received_at)

    def add_source(self, source: StatingDocument) -> None:
        """Adds a document that states the line too."""
        if all(other.document_id != source.document_id for other in self.sources):
            self.sources.append(source)
