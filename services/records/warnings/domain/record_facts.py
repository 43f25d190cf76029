"""The facts of a record against which a prescription is checked, and what stands in it and is no fact."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.clinical_facts.domain.readable import ReadableDocument, ReadableFacts
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime
from services.records.statements.domain.statements import PatientStatement
from services.records.summary.domain.citations import citation_of
from services.records.warnings.domain.warnings import RecordFact
from shared.access.personal_space import ENTRY_TYPES

PROFILE_TYPE: Final = ENTRY_TYPES["health-profile"]
_KINDS: Final = {"allergy": FactKind.ALLERGY, "treatment": FactKind.TREATMENT}


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
    for number, statement in enumerate(statements):
        kind = _KINDS.get(statement.kind)
        if kind is not None:
            fact = _fact(document.id, f"statement/{number}", kind, statement)
            yield RecordFact(fact, document.id, document.deposited_by)


def counts_of(readable: ReadableFacts, profiles: Iterable[UUID]) -> UnreadCounts:
    """Returns what was not looked at. `profiles`: documents whose statements were read."""
    read = set(profiles)
    states = [(document.state, document.reason) for document in readable.sources if document.id not in read]
    unstructured = states.count(("none", "not-structured"))
    return UnreadCounts(
        text_only=unstructured + sum(readable.text_only.values()),
        unread=sum(state in ("in-part", "unreadable") for state, _ in states) + (readable.unread > 0),
        pending=sum(state == "pending" for state, _ in states),
    )


def _fact(document_id: UUID, entry: str, kind: FactKind, statement: PatientStatement) -> ClinicalFact:
    code = statement.code
    coding = Coding(code.code, code.system, code.display) if code is not None else None
    time = FactTime(start=statement.since, end=statement.until) if statement.since or statement.until else None
    return ClinicalFact(
        id=fact_id(document_id, entry, kind),
        kind=kind,
        source=FactSource(entry),
        code=Concept(coding, text=statement.text),
        time=time,
    )
