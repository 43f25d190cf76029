"""Decides who sees a version of the summary sheet: those who may read each document version that it cites."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import FactCombination, Requester, combination_of, document_facts
from shared.access import Facts, Permit, decide

CitedCombinations = Mapping[UUID, FactCombination | None]
"""Id -> the combination of a document that a version cites; None: the document is not in the record."""


def readable_citations(cited: CitedCombinations, is_readable: Callable[[FactCombination], bool]) -> frozenset[UUID]:
    """Returns which of the cited documents the caller may read."""
    return frozenset(id for id, document in cited.items() if document is not None and is_readable(document))


def with_citations(
    combination: FactCombination, cited: CitedCombinations, readable: frozenset[UUID]
) -> FactCombination:
    """Returns the combination of a version of the sheet, with what it cites checked."""
    return replace(combination, citations="readable" if readable.issuperset(cited) else "hidden")


def unchecked(combination: FactCombination) -> FactCombination:
    """Returns the combination as `combination_of` returns it, before its citations were checked."""
    return combination if combination.citations == "none" else replace(combination, citations="unchecked")


def reading_facts(common: Facts) -> Facts:
    """Returns the facts of the question whether the caller of a request may read a document."""
    return replace(common, action="read", change=None)


def checked_combination(
    common: Facts,
    requester: Requester,
    record: RecordContext,
    summary: DocumentSummary,
    cited: Mapping[UUID, DocumentSummary],
) -> FactCombination:
    """Returns the combination of a document for this requester; of a version of the sheet with its citations checked.

    `cited`: the documents that it cites, by id, as far as they are in the record.
    """
    combination = combination_of(summary, requester)
    if summary.cites is None:
        return combination
    reading = reading_facts(common)

    def is_readable(document: FactCombination) -> bool:
        return isinstance(decide(document_facts(reading, requester, record, document)), Permit)

    combinations = _combinations(summary.cites, cited, requester)
    return with_citations(combination, combinations, readable_citations(combinations, is_readable))


def _combinations(
    ids: Iterable[UUID], documents: Mapping[UUID, DocumentSummary], requester: Requester
) -> CitedCombinations:
    cited = {id: documents.get(id) for id in ids}
    return {id: None if document is None else combination_of(document, requester) for id, document in cited.items()}
