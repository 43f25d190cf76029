"""A search in a record: the rules are asked once for each combination of facts that its documents have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.records.domain.copies import RecordFacts
from services.records.domain.facts import Asker, Combination, with_documents
from services.records.domain.reading import Judged, insisted
from shared.access import Facts, Permit, Refusal, decide

_SUPERSEDED = frozenset({"superseded", "refused"})


@dataclass(frozen=True, slots=True)
class Searched:
    """What is decided of a search in one record: of the search itself, and of each combination by the store's key."""

    record: RecordFacts
    common: Facts
    decision: Permit | Refusal
    combinations: Mapping[str, Combination]
    judged: Mapping[str, Judged]
    marks: Mapping[Combination, tuple[str, ...]]

    @property
    def permitted(self) -> tuple[str, ...]:
        """The keys of the combinations that may be listed."""
        if not isinstance(self.decision, Permit):
            return ()
        return tuple(key for key, (_, decision) in self.judged.items() if isinstance(decision, Permit))

    def marks_of(self, combination: Combination) -> tuple[str, ...]:
        """What a reader is told beside a document of this combination."""
        return self.marks.get(combination, ())


def search(common: Facts, asker: Asker, record: RecordFacts, combinations: Mapping[str, Combination]) -> Searched:
    """The answers.

    Who may not search the record may still find the documents that the rules permit in any case (an author's own); what
    cannot be checked now, or is never permitted to such an asker, is refused whole.
    """
    decision = decide(common)
    if isinstance(decision, Refusal) and not decision.by_choice:
        return Searched(record, common, decision, {}, {}, {})
    judged: dict[str, Judged] = {}
    marks: dict[Combination, tuple[str, ...]] = {}
    of_document = with_documents(common, asker, record)
    for key, one in combinations.items():
        facts = of_document(one)
        answer = decide(facts)
        judged[key] = (facts, answer)
        if isinstance(answer, Permit):
            marks[one] = answer.marks
    if isinstance(decision, Refusal):
        decision = next((one for _, one in judged.values() if isinstance(one, Permit)), decision)
    return Searched(record, common, decision, combinations, judged, marks)


def insisted_of(searched: Sequence[Searched]) -> Permit:
    """The Permit of the first record that may be searched. Raises as `insisted` of the one asked for."""
    return insisted(next((one.decision for one in searched if isinstance(one.decision, Permit)), searched[0].decision))


def is_wanted(combination: Combination, statuses: frozenset[str]) -> bool:
    """Whether documents of this combination have one of these statuses of a FHIR DocumentReference."""
    return fhir_status(combination.status) in statuses


def fhir_status(status: str) -> str:
    """current, superseded or entered-in-error."""
    if status == "deleted":
        return "entered-in-error"
    return "superseded" if status in _SUPERSEDED else "current"
