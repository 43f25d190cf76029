"""Proposes the lines of a sheet from the facts of the documents that its reader may see."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.values import Coding, Concept
from services.records.summary.domain.chapters import chapter_of
from services.records.summary.domain.citations import citation_of
from services.records.summary.domain.drafts import LineDraft, StatedFact
from services.records.summary.domain.merging import (
    Details,
    Subject,
    adds_nothing,
    count_details,
    details_of,
    subject_of,
)
from services.records.summary.domain.sheet import Chapter
from services.records.summary.domain.sources import SheetSource
from shared.terminology.documents import document_types

DIRECTIVE_TYPES: Final = frozenset({"EXPPAT_1", "EXPPAT_3"})
"""Wishes, organ donation among them, and advance directives: that they exist is a line, whatever stands in them."""
_WHOLE_DOCUMENT: Final = "document"


class FactKey(NamedTuple):
    """A fact of a document version."""

    document_id: UUID
    fact_id: UUID


def stated_facts(documents: Sequence[SheetSource], today: date) -> list[StatedFact]:
    """Returns the facts that feed the sheet, newest documents first. What restates a sheet proposes nothing."""
    newest_first = sorted(documents, key=lambda document: (document.day, document.id.int), reverse=True)
    return [
        StatedFact(document, chapter, fact)
        for document in newest_first
        for fact in (document.facts if document.type not in DIRECTIVE_TYPES else _with_existence(document))
        if (chapter := chapter_of(fact, today)) is not None and citation_of(fact.source.ids) is None
    ]


def propose_lines(facts: Sequence[StatedFact], signed: Mapping[FactKey, LineDraft]) -> list[LineDraft]:
    """Returns the drafts of all lines: the signed ones, and those of all other facts.

    What several documents state is a draft with several sources. What the patient side states is never merged, and
    gives no blood group.
    """
    drafts, by_subject = [*signed.values()], _by_subject(signed.values())
    equal: dict[tuple[Subject, Details], list[StatedFact]] = {}
    for stated in facts:
        document, fact = stated.document, stated.fact
        if signed and (document.id, fact.id) in signed:
            continue
        if not document.is_of_patient_side:
            equal.setdefault((subject_of(fact), details_of(fact)), []).append(stated)
        elif stated.chapter is not Chapter.BLOOD_GROUP:
            draft = LineDraft.of(stated.chapter, fact, [stated.source])
            draft.declare(document)
            drafts.append(draft)
    for subject, details in sorted(equal, key=lambda key: count_details(key[1]), reverse=True):
        merged = _merged(subject, details, equal[subject, details], by_subject)
        drafts += [] if merged is None else [merged]
    return drafts


def _with_existence(document: SheetSource) -> Iterator[ClinicalFact]:
    """Yields the facts of a document, and that there are directives or wishes: the whole document is that."""
    kind = document_types()[document.type]
    yield from document.facts
    yield ClinicalFact(
        id=fact_id(document.id, _WHOLE_DOCUMENT, FactKind.DIRECTIVE),
        kind=FactKind.DIRECTIVE,
        source=FactSource(_WHOLE_DOCUMENT),
        code=Concept(Coding(kind.code, kind.system_oid, kind.label)),
    )


def _by_subject(drafts: Iterable[LineDraft]) -> dict[Subject, list[LineDraft]]:
    by_subject: dict[Subject, list[LineDraft]] = {}
    for draft in drafts:
        if draft.origin == "document":
            by_subject.setdefault(draft.subject, []).append(draft)
    return by_subject


def _merged(
    subject: Subject, details: Details, equal: Sequence[StatedFact], by_subject: dict[Subject, list[LineDraft]]
) -> LineDraft | None:
    """Returns a new draft of facts that say the same, None where one takes them in: one to which they add nothing.

    The signed lines come first, then what says most, newest first.
    """
    drafts = by_subject.setdefault(subject, [])
    sources = [stated.source for stated in equal]
    for draft in drafts:
        if adds_nothing(details, draft.details):
            draft.sources += sources
            return None
    draft = LineDraft(equal[0].chapter, equal[0].fact, subject, details, sources)
    drafts.append(draft)
    return draft
