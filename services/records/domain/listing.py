"""A search in a record: the rules are asked once for each combination of facts that its documents have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.records.domain.copies import RecordFacts
from services.records.domain.facts import Asker, Combination, Said, said_of, with_document
from services.records.domain.reading import combination_told, require_permit
from shared.access import Facts, Permit, Refusal, decide
from shared.contracts.audit import CombinationDecided

ASKERS_KEPT, ANSWERS_KEPT = 32, 512
_SUPERSEDED = frozenset({"superseded", "refused"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the rules say of a combination, and how the ledger is told."""

    decision: Permit | Refusal
    told: CombinationDecided


@dataclass(frozen=True, slots=True)
class Searched:
    """What is decided of a search in one record: of the search itself, and of each combination by the store's key."""

    record: RecordFacts
    common: Facts
    decision: Permit | Refusal
    combinations: Mapping[str, Combination]
    answers: Mapping[str, Answer]

    @property
    def permitted(self) -> tuple[str, ...]:
        """The keys of the combinations that may be listed."""
        if not isinstance(self.decision, Permit):
            return ()
        return tuple(key for key, answer in self.answers.items() if isinstance(answer.decision, Permit))

    def notices(self) -> dict[Combination, tuple[str, ...]]:
        """What a reader is told beside a document of each combination."""
        return {
            self.combinations[key]: answer.decision.notices
            for key, answer in self.answers.items()
            if isinstance(answer.decision, Permit)
        }


def search(common: Facts, asker: Asker, record: RecordFacts, combinations: Mapping[str, Combination]) -> Searched:
    """The answers.

    Who may not search the record may still find the documents that the rules permit in any case (an author's own); what
    cannot be checked now, or is never permitted to such an asker, is refused whole.
    """
    decision = decide(common)
    if isinstance(decision, Refusal) and not decision.hides_existence:
        return Searched(record, common, decision, {}, {})
    answer_of = _answers(common)
    answers = {key: answer_of(one, said_of(asker, record, one)) for key, one in combinations.items()}
    if isinstance(decision, Refusal):
        permits = (one.decision for one in answers.values() if isinstance(one.decision, Permit))
        decision = next(permits, decision)
    return Searched(record, common, decision, combinations, answers)


@lru_cache(maxsize=ASKERS_KEPT)
def _answers(common: Facts) -> Callable[[Combination, Said], Answer]:
    """Facts are codes and name nobody: the same question is asked again and again, and has one answer."""

    @lru_cache(maxsize=ANSWERS_KEPT)
    def answer(one: Combination, said: Said) -> Answer:
        facts = with_document(common, one, said)
        decision = decide(facts)
        return Answer(decision, combination_told(common, (facts, decision)))

    return answer


def require_permit_of(searched: Sequence[Searched]) -> Permit:
    """The Permit of the first record that may be searched. Raises as `require_permit` of the one asked for."""
    return require_permit(
        next((one.decision for one in searched if isinstance(one.decision, Permit)), searched[0].decision)
    )


def is_wanted(combination: Combination, statuses: frozenset[str]) -> bool:
    """Whether documents of this combination have one of these statuses of a FHIR DocumentReference."""
    return fhir_status(combination.status) in statuses


def fhir_status(status: str) -> str:
    """current, superseded or entered-in-error."""
    if status == "deleted":
        return "entered-in-error"
    return "superseded" if status in _SUPERSEDED else "current"
