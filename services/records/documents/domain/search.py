"""A search in one record: the rules decide once for each combination of facts that its documents have."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.documents.domain.filters import DocumentFilters
from services.records.facts.domain.citations import (
    CitedCombinations,
    readable_citations,
    reading_facts,
    unchecked,
    with_citations,
)
from services.records.facts.domain.decisions import RuleDecision, recorded_combination, require_permit
from services.records.facts.domain.facts import FactCombination, RecordPolicy, Requester, policy_for, with_document
from shared.access import Facts, Permit, Refusal, decide
from shared.contracts.audit import CombinationDecided

NOTHING_CITED: Final[Mapping[str, CitedCombinations]] = {}
CACHED_SEARCHES, CACHED_DECISIONS = 32, 512
_IN_ERROR = frozenset({"deleted", "refused"})


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page begins: after the document of this id, in the order of ids or, with `care_on`, of days of care.

    A document whose day of care is unknown comes last, as one of date.min.
    """

    id: UUID
    care_on: date | None = None


def page_start(text: str, *, by_care: bool) -> PageStart:
    """Returns the start that `start_text` wrote, for a page in this order. Raises ValueError for any other text."""
    day, _, id = text.rpartition("_")
    if bool(day) is not by_care:
        raise ValueError(text)
    return PageStart(UUID(id), date.fromisoformat(day) if day else None)


def start_text(start: PageStart) -> str:
    """Returns a start as the text that a link to its page holds."""
    return str(start.id) if start.care_on is None else f"{start.care_on}_{start.id}"


LAST_ID: Final = UUID(int=(1 << 128) - 1)
NEWEST_FIRST: Final = PageStart(LAST_ID)
"""The first page in the order of receipt."""
NEWEST_CARE_FIRST: Final = PageStart(LAST_ID, date.max)
"""The first page in the order of care."""


@dataclass(frozen=True, slots=True)
class CombinationSize:
    """How many documents have a combination, the newest day of care among them, and how many of them are new."""

    documents: int
    newest: date | None = None
    new: int = 0


@dataclass(frozen=True, slots=True)
class CombinationDecision:
    """The rules' decision on a combination, and its form in the ledger."""

    decision: Permit | Refusal
    recorded: CombinationDecided


@dataclass(frozen=True, slots=True)
class RecordSearch:
    """The decisions on a search in one record: on the search itself, and on each combination by the store's key."""

    record: RecordContext
    common: Facts
    decision: Permit | Refusal
    combinations: Mapping[str, FactCombination]
    decisions: Mapping[str, CombinationDecision]
    sizes: Mapping[str, CombinationSize] = field(default_factory=dict)
    """The sizes of each combination."""
    readable: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    """Of each version of the summary sheet, the documents that it cites and the requester may read."""
    sources: Mapping[str, tuple[UUID, ...]] = field(default_factory=dict)
    """The document versions of which a summary sheet is made, by combination."""

    def total(self, statuses: frozenset[str], filters: DocumentFilters) -> int:
        """Returns how many documents with one of these DocumentReference statuses may be listed, by the filters on
        codes."""
        return sum(self.sizes[key].documents for key in self.listed(statuses, filters))

    def listed(self, statuses: frozenset[str], filters: DocumentFilters) -> list[str]:
        """Returns the keys of the permitted combinations with one of these DocumentReference statuses that pass the
        filters on codes."""
        return [
            key
            for key in self.permitted
            if has_fhir_status(self.combinations[key], statuses) and filters.admits(self.combinations[key])
        ]

    @property
    def permitted(self) -> tuple[str, ...]:
        """The keys of the combinations whose documents may be listed."""
        if not isinstance(self.decision, Permit):
            return ()
        return tuple(key for key, decided in self.decisions.items() if isinstance(decided.decision, Permit))

    def notices(self) -> dict[FactCombination, tuple[str, ...]]:
        """Returns the notices that the reader gets with the documents of each permitted combination."""
        return {
            unchecked(self.combinations[key]): decided.decision.notices
            for key, decided in self.decisions.items()
            if isinstance(decided.decision, Permit)
        }


def search_record(
    common: Facts,
    requester: Requester,
    record: RecordContext,
    combinations: Mapping[str, FactCombination],
    cited: Mapping[str, CitedCombinations] = NOTHING_CITED,
) -> RecordSearch:
    """Decides on the search and on each combination. `cited`: the documents that a version of the summary sheet cites.

    A requester who may not search the record still finds the documents that the rules permit in any case, such as an
    author's own. A search that cannot be checked now, or is never permitted to this kind of requester, is refused as a
    whole.
    """
    decision = decide(common)
    if isinstance(decision, Refusal) and not decision.hides_existence:
        return RecordSearch(record, common, decision, {}, {})
    readable = _readable_citations(common, requester, record, cited)
    combinations = {
        **combinations,
        **{key: with_citations(combinations[key], cited[key], ids) for key, ids in readable.items()},
    }
    decide_combination = _cached_decisions(common)
    decisions = {
        key: decide_combination(combination, policy_for(requester, record, combination))
        for key, combination in combinations.items()
    }
    if isinstance(decision, Refusal):
        permits = (
            combination.decision for combination in decisions.values() if isinstance(combination.decision, Permit)
        )
        decision = next(permits, decision)
    return RecordSearch(record, common, decision, combinations, decisions, readable=readable)


def permitted_keys(
    common: Facts, requester: Requester, record: RecordContext, combinations: Mapping[str, FactCombination]
) -> frozenset[str]:
    """Returns the keys of the combinations that the rules permit for the action of these facts."""
    decide_combination = _cached_decisions(common)
    return frozenset(
        key
        for key, combination in combinations.items()
        if isinstance(decide_combination(combination, policy_for(requester, record, combination)).decision, Permit)
    )


def _readable_citations(
    common: Facts, requester: Requester, record: RecordContext, cited: Mapping[str, CitedCombinations]
) -> dict[str, frozenset[UUID]]:
    """Returns which of the documents that each version of the summary sheet cites the requester may read."""
    if not cited:
        return {}
    decide_reading = _cached_decisions(reading_facts(common))

    def is_readable(document: FactCombination) -> bool:
        return isinstance(decide_reading(document, policy_for(requester, record, document)).decision, Permit)

    return {key: readable_citations(documents, is_readable) for key, documents in cited.items()}


@lru_cache(maxsize=CACHED_SEARCHES)
def _cached_decisions(common: Facts) -> Callable[[FactCombination, RecordPolicy], CombinationDecision]:
    """Returns a function that decides on a combination; both are cached, because facts are codes that name nobody."""

    @lru_cache(maxsize=CACHED_DECISIONS)
    def answer(combination: FactCombination, policy: RecordPolicy) -> CombinationDecision:
        facts = with_document(common, combination, policy)
        decision = decide(facts)
        return CombinationDecision(decision, recorded_combination(common, RuleDecision(facts, decision)))

    return answer


def first_permit(searches: Sequence[RecordSearch]) -> Permit:
    """Returns the Permit of the first search that is permitted.

    Raises what `require_permit` raises for the first search, that of the requested record.
    """
    return require_permit(
        next((search.decision for search in searches if isinstance(search.decision, Permit)), searches[0].decision)
    )


def is_permitted(searches: Iterable[RecordSearch]) -> bool:
    """Returns whether one of the searches is permitted."""
    return any(isinstance(search.decision, Permit) for search in searches)


def has_fhir_status(combination: FactCombination, statuses: frozenset[str]) -> bool:
    """Returns whether documents of this combination have one of these DocumentReference statuses."""
    return fhir_status(combination.status) in statuses


def fhir_status(status: str) -> str:
    """Returns the DocumentReference status: current, superseded or entered-in-error.

    A refused document was never in the record: `superseded` would claim a newer version, `current` that it counts. The
    guide forbids docStatus, so the tags of `meta` state what became of the deposit.
    """
    if status in _IN_ERROR:
        return "entered-in-error"
    return "superseded" if status == "superseded" else "current"
