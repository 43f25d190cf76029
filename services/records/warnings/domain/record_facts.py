"""The facts of a record against which a prescription is checked, and what stands in it and is no fact."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.readable import ReadableDocument, ReadableFacts
from services.records.statements.domain.stated_facts import stated_facts_of
from services.records.statements.domain.statements import PatientStatement
from services.records.summary.domain.citations import SHEET_TYPE, citation_of, restates_sheet
from services.records.warnings.domain.warnings import RecordFact
from shared.access.personal_space import ENTRY_TYPES

PROFILE_TYPE: Final = ENTRY_TYPES["health-profile"]
_CHECKED: Final = frozenset({FactKind.ALLERGY, FactKind.TREATMENT})


@dataclass(frozen=True, slots=True)
class UnreadCounts:
    """What this reader may see and no rule looked at: clinical statements without a code, and whole documents of text;
    documents of which nothing, or only a part, could be read; documents that are not read yet."""

    text_only: int
    unread: int
    pending: int


def facts_of(readable: ReadableFacts, profiles: Iterable[RecordFact]) -> list[RecordFact]:
    """Returns the facts, those of the patient side last. What a version of the summary sheet restates is left out where
    the fact itself is among them."""
    places = {(sourced.source.id, sourced.fact.id) for sourced in readable.facts}
    facts = []
    for sourced in readable.facts:
        citation = citation_of(sourced.fact.source.ids)
        if citation is not None and (citation.document_id, citation.line_id) in places:
            continue
        is_restated = citation is not None and citation.kind == "patient-side"
        facts.append(
            RecordFact(sourced.fact, sourced.source.id, "patient" if is_restated else sourced.source.deposited_by)
        )
    return sorted((*facts, *profiles), key=lambda fact: fact.declared_by != "organisation")


def is_profile(document: ReadableDocument) -> bool:
    """Whether the document may hold a health profile, which the patient side states."""
    return document.type == PROFILE_TYPE and document.deposited_by != "organisation"


def facts_of_profile(document: ReadableDocument, statements: Sequence[PatientStatement]) -> Iterator[RecordFact]:
    """Yields the allergies and treatments that the patient side states."""
    for fact in stated_facts_of(document.id, statements):
        if fact.kind in _CHECKED:
            yield RecordFact(fact, document.id, document.deposited_by)


def counts_of(readable: ReadableFacts, profiles: Iterable[UUID]) -> UnreadCounts:
    """Returns what was not looked at. `profiles`: documents whose statements were read."""
    read = set(profiles)
    states = [(document.state, document.reason) for document in readable.sources if document.id not in read]
    restating = _restating(readable)
    unstructured = states.count(("none", "not-structured"))
    return UnreadCounts(
        text_only=unstructured + sum(count for id, count in readable.text_only.items() if id not in restating),
        unread=sum(state in ("in-part", "unreadable") for state, _ in states) + (readable.unread > 0),
        pending=sum(state == "pending" for state, _ in states),
    )


def _restating(readable: ReadableFacts) -> set[UUID]:
    """Returns the sheets among the documents, which only restate other ones."""
    facts: dict[UUID, list[ClinicalFact]] = {}
    for sourced in readable.facts:
        if sourced.source.type == SHEET_TYPE:
            facts.setdefault(sourced.source.id, []).append(sourced.fact)
    return {id for id, of_document in facts.items() if restates_sheet(SHEET_TYPE, of_document)}
