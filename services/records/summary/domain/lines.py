"""Makes the lines of a sheet for its reader, in the order in which they are shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.documents.domain.sealed_contents import DocumentTitle
from services.records.summary.domain.chapters import is_old
from services.records.summary.domain.conflicts import conflict_numbers
from services.records.summary.domain.drafts import LineDraft, StatedFact, StatingDocument
from services.records.summary.domain.proposals import propose_lines, stated_facts
from services.records.summary.domain.sheet import Chapter, CitedDocument, SummaryLine
from services.records.summary.domain.signatures import SignedVersion
from services.records.summary.domain.signing import confirmed_lines, reject_lines, statements
from services.records.summary.domain.sources import SheetSource
from shared.moments import FRANCE

_STATEMENTS = ("stated", "none", "unknown")
_Names = tuple[str | None, str | None, str | None]
"""Title, author and organisation of a document."""
_NO_NAMES: _Names = (None, None, None)
_STATES = ("confirmed", "proposed", "rejected")


def draft_lines(documents: Sequence[SheetSource], versions: Sequence[SignedVersion], now: datetime) -> list[LineDraft]:
    """Returns the drafts of what the reader may see.

    `documents`: the current ones that the reader may see. `versions`: the current version of each doctor's chain.
    """
    today = now.astimezone(FRANCE).date()
    facts = stated_facts(documents, today)
    confirmed = confirmed_lines(versions, {document.id: document for document in documents}, facts, now)
    drafts = propose_lines(facts, confirmed)
    reject_lines(drafts, versions, now)
    drafts += statements(versions, now)
    return drafts


def stated_by(documents: Sequence[SheetSource], now: datetime) -> list[StatedFact]:
    """Returns the facts of these documents that feed a sheet."""
    return stated_facts(documents, now.astimezone(FRANCE).date())


def finish_lines(
    drafts: Iterable[LineDraft], titles: Mapping[UUID, DocumentTitle], now: datetime
) -> tuple[SummaryLine, ...]:
    """Returns the lines in the order in which they are shown. `titles`: of the documents that state them."""
    today = now.astimezone(FRANCE).date()
    names = {id: _names(title) for id, title in titles.items()}
    lines = [_line(draft, names, today) for draft in drafts]
    lines.sort(key=lambda line: _order(line, today))
    numbers = conflict_numbers(lines)
    return tuple(replace(line, conflict=numbers[line.id]) if line.id in numbers else line for line in lines)


def _line(draft: LineDraft, names: Mapping[UUID, _Names], today: date) -> SummaryLine:
    decisions = tuple(sorted(draft.decisions, key=lambda decision: decision.at, reverse=True))
    confirmed = [decision.at.astimezone(FRANCE).date() for decision in decisions if decision.action == "confirmed"]
    days = [*confirmed, *(source.day for source in draft.sources if source.day is not None)]
    return SummaryLine(
        id=draft.fact.id,
        chapter=draft.chapter,
        fact=draft.fact,
        origin=draft.origin,
        state=draft.state,
        sources=tuple(_cited(source, names.get(id, _NO_NAMES)) for id, source in _sources(draft).items()),
        decisions=decisions,
        declaration=draft.declaration,
        is_old=is_old(draft.chapter, max(days, default=None), today),
        where=draft.where,
    )


def _sources(draft: LineDraft) -> dict[UUID, StatingDocument]:
    """Returns each document once, in the draft's order."""
    sources: dict[UUID, StatingDocument] = {}
    for source in draft.sources:
        sources.setdefault(source.document_id, source)
    return sources


def _names(title: DocumentTitle) -> _Names:
    author = title.first_author
    return (title.title, author.name, author.organisation_name) if author is not None else (title.title, None, None)


def _cited(source: StatingDocument, names: _Names) -> CitedDocument:
    return CitedDocument(source.document_id, source.fact_id, *names, source.day, source.section)


def _order(line: SummaryLine, today: date) -> tuple[object, ...]:
    """Returns what sorts lines: what is there before what is not, then what is sure, then what is new."""
    return (
        _CHAPTER_PLACES[line.chapter],
        line.state == "rejected",
        _STATEMENTS.index(line.fact.statement),
        not line.fact.is_positive,
        _has_ended(line.fact, today),
        line.is_old,
        _STATES.index(line.state),
        -_newest(line),
        line.id,
    )


def _newest(line: SummaryLine) -> int:
    days: Iterable[date] = (source.day for source in line.sources if source.day is not None)
    return max((day.toordinal() for day in days), default=0)


def _has_ended(fact: ClinicalFact, today: date) -> bool:
    end = fact.time.end if fact.time is not None else None
    return end is not None and end[:10] < today.isoformat()[: len(end)]


_CHAPTER_PLACES = {chapter: place for place, chapter in enumerate(Chapter)}
