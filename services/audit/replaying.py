"""Decisions of the ledger, decided again from the facts that were stored with them. Pure.

Each is decided under the version of the rules that decided it, where that is kept: there nothing may differ. Then it is
decided under the present rules: what differs between versions shows what a release has changed.
Codes and counts only: no person is named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from services.audit.explaining import Decided, Told, words
from shared.access import KEPT, RELEASES, RULES_VERSION, Permit, Refusal, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn

REPLAYED = (AccessRecorded.ce_type, DepositDecided.ce_type, DocumentRelabelled.ce_type, DocumentWithdrawn.ce_type)
"""Types of entries behind which a decision of the rules may lie; it does where they name a version of the rules."""
NOT_A_FACT = frozenset({"organisation_id"})
"""What stands beside the facts of a deposit."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that is answered otherwise now. `combination`: its place among those of a search. `made_by`: the
    versions of the rules since then, one of which made it; none under the same rules, or after rules not known here.
    `decided_under`: the version that gives the answer of now, the same one where these rules were broken.
    """

    event_id: UUID
    action: str
    combination: int | None
    outcome: str
    reason: str | None
    outcome_now: str
    reason_now: str
    rules_version: str
    made_by: tuple[str, ...]
    decided_under: str


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
    version = entry.rules_version or RULES_VERSION
    try:
        decisions = [_decided(asked, under) for under in _versions(version)]
    except TypeError:
        done.unreadable += 1
        return
    done.decisions += 1
    differing = next((one for one in decisions if not agrees(outcome, reason, one)), None)
    if differing is None:
        return
    now = ("permitted", differing.rule) if isinstance(differing, Permit) else ("refused", differing.reason)
    under = differing.rules_version
    made_by = () if under == version else releases_since(version)
    done.differences.append(
        Difference(entry.event_id, entry.action, number, outcome, reason, *now, version, made_by, under)
    )


def _versions(version: str) -> tuple[str, ...]:
    """Under which rules a decision of this version is decided again: its own where they are kept, then the present."""
    return (version, RULES_VERSION) if version in KEPT and version != RULES_VERSION else (RULES_VERSION,)


def _decided(asked: list[Told], under: str) -> Permit | Refusal:
    """As a search is decided: whom somebody's choice keeps from the record still finds what the rules permit in any
    case, and is let in for the first of those. Raises TypeError."""
    answers = (
        decide(
            decode_facts({**{name: value for name, value in said.items() if name not in NOT_A_FACT}, "as_of": under})
        )
        for said in asked
    )
    whole = next(answers)
    if isinstance(whole, Permit) or not whole.hides_existence:
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
