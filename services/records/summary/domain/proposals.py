"""Proposes the lines of a sheet from the facts of the documents that its reader may see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.values import Coding, Concept
from services.records.summary.domain.chapters import chapter_of
from services.records.summary.domain.citations import citation_of
from services.records.summary.domain.drafts import LineDraft, StatingDocument
from services.records.summary.domain.merging import Subject, details_of, subject_of
from services.records.summary.domain.sheet import Chapter
from services.records.summary.domain.sources import SheetSource
from shared.terminology.documents import document_types
from shared.values import RedactedRepr

DIRECTIVE_TYPES: Final = frozenset({"EXPPAT_1", "EXPPAT_3"})
"""Wishes, organ donation among them, and advance directives: that they exist is a line, whatever stands in them."""
_WHOLE_DOCUMENT: Final = "document"


class FactKey(NamedTuple):
    """A fact of a document version."""

    document_id: UUID
    fact_id: UUID


@dataclass(frozen=True, slots=True, repr=False)
class StatedFact(RedactedRepr):
    """A fact that feeds a chapter, and its document."""

    document: SheetSource
    chapter: Chapter
    fact: ClinicalFact

    @property
    def key(self) -> FactKey:
        """The fact's place."""
        return FactKey(self.document.id, self.fact.id)

    @property
    def source(self) -> StatingDocument:
        """The document as the source of a line."""
        return StatingDocument.of(self.document, self.fact)


def stated_facts(documents: Sequence[SheetSource], today: date) -> list[StatedFact]:
    """Returns the facts that feed the sheet, newest documents first. What restates a sheet proposes nothing."""
    newest_first = sorted(documents, key=lambda document: (document.day, document.id), reverse=True)
    return [
        StatedFact(document, chapter, fact)
        for document in newest_first
        for fact in (*document.facts, *_existence(document))
        if (chapter := chapter_of(fact, today)) is not None and citation_of(fact.source.ids) is None
    ]


def propose_lines(facts: Sequence[StatedFact], signed: Mapping[FactKey, LineDraft]) -> list[LineDraft]:
    """Returns the drafts of all lines: the signed ones, and those of all other facts.

    What several documents state is a draft with several sources. What the patient side states is never merged, and
    gives no blood group.
    """
    drafts = [*signed.values()]
    groups: dict[Subject, list[StatedFact]] = {}
    for stated in facts:
        if stated.key in signed:
            continue
        if not stated.document.is_of_patient_side:
            groups.setdefault(subject_of(stated.fact), []).append(stated)
        elif stated.chapter is not Chapter.BLOOD_GROUP:
            draft = LineDraft.of(stated.chapter, stated.fact, [stated.source])
            draft.declare(stated.document)
            drafts.append(draft)
    signed_drafts: dict[Subject, list[LineDraft]] = {}
    for draft in signed.values():
        if draft.origin == "document":
            signed_drafts.setdefault(draft.subject, []).append(draft)
    for subject, group in groups.items():
        drafts += _merge(subject, group, signed_drafts.get(subject, []))
    return drafts


def _existence(document: SheetSource) -> Iterator[ClinicalFact]:
    """Yields that there are directives or wishes, where the whole document is that."""
    if document.type in DIRECTIVE_TYPES:
        kind = document_types()[document.type]
        yield ClinicalFact(
            id=fact_id(document.id, _WHOLE_DOCUMENT, FactKind.DIRECTIVE),
            kind=FactKind.DIRECTIVE,
            source=FactSource(_WHOLE_DOCUMENT),
            code=Concept(Coding(kind.code, kind.system_oid, kind.label)),
        )


def _merge(subject: Subject, group: Sequence[StatedFact], signed: Sequence[LineDraft]) -> list[LineDraft]:
    """Returns the new drafts of facts about one subject.

    The signed lines, then the fact that says most and is newest, take in those that add nothing to them.
    """
    if len(group) == 1 and not signed:
        [stated] = group
        return [LineDraft(stated.chapter, stated.fact, subject, details_of(stated.fact), [stated.source])]
    detailed: list[tuple[frozenset[tuple[str, Any]], StatedFact]] = [
        (details_of(stated.fact), stated) for stated in group
    ]
    detailed.sort(key=lambda pair: -len(pair[0]))
    drafts: list[LineDraft] = []
    for details, stated in detailed:
        draft = next((draft for draft in (*signed, *drafts) if details <= draft.details), None)
        if draft is None:
            drafts.append(LineDraft(stated.chapter, stated.fact, subject, details, [stated.source]))
        else:
            draft.add_source(stated.source)
    return drafts
