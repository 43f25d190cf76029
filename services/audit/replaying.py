"""Decisions of the ledger, decided again from the facts that were stored with them. Pure.

Under the same version of the rules nothing may differ; what differs between versions shows what a release has changed.
Codes and counts only: no person is named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from services.audit.explaining import Decided, Told, words
from shared.access import RELEASES, RULES_VERSION, Permit, Refusal, decide, facts_from
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn

REPLAYED = (AccessRecorded.wire, DepositDecided.wire, DocumentRelabelled.wire, DocumentWithdrawn.wire)
"""Types of entries behind which a decision of the rules may lie; it does where they name a version of the rules."""
NOT_A_FACT = frozenset({"organisation_id"})
"""What stands beside the facts of a deposit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that is answered otherwise now. `combination`: its place among those of a search. `made_by`: the
    versions of the rules since then, one of which made it; none under the same rules, or after rules not known here."""

    event_id: UUID
    action: str
    combination: int | None
    outcome: str
    reason: str | None
    outcome_now: str
    reason_now: str
    rules_version: str
    made_by: tuple[str, ...]


@dataclass(slots=True)
class Replayed:
    """What came of some entries. `decisions`: with each combination of a search counted; `unreadable`: with facts of
    another form than those of today; `without_facts`: entries of decisions that tell none."""

    entries: int = 0
    decisions: int = 0
    without_facts: int = 0
    unreadable: int = 0
    differences: list[Difference] = field(default_factory=list)


def replay(entries: Iterable[Decided]) -> Replayed:
    """All of them."""
    done = Replayed()
    for entry in entries:
        done.entries += 1
        told: Told = entry.details.get("facts") or {}
        if not told:
            done.without_facts += 1
            continue
        for number, said, outcome, reason in _asked(entry, told):
            _decide(done, entry, number, said, outcome, reason)
    return done


def _asked(entry: Decided, common: Told) -> Iterator[tuple[int | None, list[Told], str, str | None]]:
    """Each answer of an entry with the facts that it rests on: of a search those of its combinations too."""
    kinds = entry.details.get("combinations") or ()
    combined = [{**common, **one["facts"]} for one in kinds]
    yield None, [common, *combined], entry.outcome, entry.reason
    for number, (one, facts) in enumerate(zip(kinds, combined, strict=True)):
        yield number, [facts], one["outcome"], one["reason"]


def _decide(
    done: Replayed, entry: Decided, number: int | None, asked: list[Told], outcome: str, reason: str | None
) -> None:
    try:
        decision = _decided(asked)
    except TypeError:
        done.unreadable += 1
        return
    done.decisions += 1
    if agrees(outcome, reason, decision):
        return
    now = ("permitted", decision.rule) if isinstance(decision, Permit) else ("refused", decision.reason)
    version = entry.rules_version or RULES_VERSION
    done.differences.append(
        Difference(entry.event_id, entry.action, number, outcome, reason, *now, version, releases_since(version))
    )


def _decided(asked: list[Told]) -> Permit | Refusal:
    """As a search is decided: whom somebody's choice keeps from the record still finds what the rules permit in any
    case, and is let in for the first of those. Raises TypeError."""
    answers = (
        decide(facts_from({name: value for name, value in said.items() if name not in NOT_A_FACT})) for said in asked
    )
    whole = next(answers)
    if isinstance(whole, Permit) or not whole.by_choice:
        return whole
    return next((one for one in answers if isinstance(one, Permit)), whole)


def releases_since(version: str) -> tuple[str, ...]:
    """The versions of the rules after this one, the oldest first."""
    known = tuple(RELEASES)
    return known[known.index(version) + 1 :] if version in known else ()


def agrees(outcome: str, reason: str | None, decision: Permit | Refusal) -> bool:
    """Whether the ledger says the same. An act that the rules permit may still be refused, or told, for reasons of
    another kind; these are no codes of the rules."""
    table = words()
    match decision:
        case Refusal():
            return (outcome, reason) == ("refused", decision.reason)
        case Permit() if outcome == "permitted":
            return reason == decision.rule or reason not in table.sentences
        case Permit():
            return reason not in table.requirements
