"""Decides decisions of the ledger again, from the facts that were stored with them.

Each is decided under the version of the rules that decided it, if that is kept: there nothing may differ. Then it is
decided under the present rules: a difference between versions shows what a release has changed. The result holds codes
and counts only, and names no person.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.audit.explanations.domain import FactValues, LedgerDecision, explanation_texts
from shared.access import KEPT, RELEASES, RULES_VERSION, Permit, Refusal, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn
from shared.errors import InvalidError

REPLAYED_TYPES = (AccessRecorded.ce_type, DepositDecided.ce_type, DocumentRelabelled.ce_type, DocumentWithdrawn.ce_type)
"""The types of entries that may rest on a decision of the rules; those that name a version of the rules do."""
NON_FACTS = frozenset({"organisation_id"})
"""The fields that are stored beside the facts of a deposit."""


class SpanInvalidError(InvalidError):
    """`from` must not be after `to`."""

    code = "span-invalid"
    french = "`from` ne peut pas être après `to`."


def check_span(since: datetime, until: datetime) -> None:
    """Raises SpanInvalidError when the span ends before it begins."""
    if until < since:
        raise SpanInvalidError


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """A decision that the rules answer otherwise now.

    `combination`: its place among the combinations of a search; None for the entry itself. `made_by`: the versions of
    the rules since then, one of which made the difference; empty under the version that decided, and after unknown
    rules. `decided_under`: the version that gives the new answer; it equals `rules_version` if a version no longer
    gives its own answer.
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
class ReplayResult:
    """The result for some entries.

    `decisions`: each combination of a search counts. `unreadable`: decisions whose facts have another form now.
    `without_facts`: entries without stored facts.
    """

    entries: int = 0
    decisions: int = 0
    without_facts: int = 0
    unreadable: int = 0
    differences: list[ReplayDifference] = field(default_factory=list)


def replay(entries: Iterable[LedgerDecision]) -> ReplayResult:
    """Decides all entries again and returns the result."""
    result = ReplayResult()
    for entry in entries:
        result.entries += 1
        fact_values: FactValues = entry.details.get("facts") or {}
        if not fact_values:
            result.without_facts += 1
            continue
        for answer in _recorded_answers(entry, fact_values):
            _compare(result, entry, answer)
    return result


class RecordedAnswer(NamedTuple):
    """An answer of the ledger. `combination`: its place among those of a search; None for the answer of the entry.

    `fact_sets`: the facts that it rests on; for a search those of the search, then those of each combination.
    """

    combination: int | None
    fact_sets: list[FactValues]
    outcome: str
    reason: str | None


def _recorded_answers(entry: LedgerDecision, common: FactValues) -> Iterator[RecordedAnswer]:
    combinations = entry.details.get("combinations") or ()
    combined_facts = [{**common, **combination["facts"]} for combination in combinations]
    yield RecordedAnswer(None, [common, *combined_facts], entry.outcome, entry.reason)
    for number, (combination, facts) in enumerate(zip(combinations, combined_facts, strict=True)):
        yield RecordedAnswer(number, [facts], combination["outcome"], combination["reason"])


def _compare(result: ReplayResult, entry: LedgerDecision, answer: RecordedAnswer) -> None:
    outcome, reason = answer.outcome, answer.reason
    version = entry.rules_version or RULES_VERSION
    try:
        decisions = [_decision_under(answer.fact_sets, checked) for checked in _versions_to_check(version)]
    except TypeError:
        result.unreadable += 1
        return
    result.decisions += 1
    differing = next((decision for decision in decisions if not is_same_answer(outcome, reason, decision)), None)
    if differing is None:
        return
    result.differences.append(
        ReplayDifference(
            event_id=entry.event_id,
            action=entry.action,
            combination=answer.combination,
            outcome=outcome,
            reason=reason,
            outcome_now="permitted" if isinstance(differing, Permit) else "refused",
            reason_now=differing.rule if isinstance(differing, Permit) else differing.reason,
            rules_version=version,
            made_by=() if differing.rules_version == version else releases_since(version),
            decided_under=differing.rules_version,
        )
    )


def _versions_to_check(version: str) -> tuple[str, ...]:
    """Returns the versions under which a decision is decided again: its own if it is kept, then the present one."""
    return (version, RULES_VERSION) if version in KEPT and version != RULES_VERSION else (RULES_VERSION,)


def _decision_under(fact_sets: list[FactValues], version: str) -> Permit | Refusal:
    """Returns the decision of this version on a set of facts, or on the sets of a search.

    A caller whom a patient's choice keeps from the record is still let in for the first document that the rules permit
    in any case. Raises TypeError for facts of an unknown form.
    """
    decisions = (decide(decode_facts({**_without_non_facts(values), "as_of": version})) for values in fact_sets)
    first_decision = next(decisions)
    if isinstance(first_decision, Permit) or not first_decision.hides_existence:
        return first_decision
    return next((decision for decision in decisions if isinstance(decision, Permit)), first_decision)


def _without_non_facts(values: FactValues) -> FactValues:
    return {name: value for name, value in values.items() if name not in NON_FACTS}


def releases_since(version: str) -> tuple[str, ...]:
    """Returns the versions of the rules after this one, oldest first."""
    versions = tuple(RELEASES)
    return versions[versions.index(version) + 1 :] if version in versions else ()


def is_same_answer(outcome: str, reason: str | None, decision: Permit | Refusal) -> bool:
    """Returns whether the ledger has the answer of this decision.

    An act that the rules permit may still be refused, or recorded, for reasons other than access rules, with codes of
    their own.
    """
    texts = explanation_texts()
    match decision:
        case Refusal():
            return (outcome, reason) == ("refused", decision.reason)
        case Permit() if outcome == "permitted":
            return reason == decision.rule or reason not in texts.sentences
        case Permit():
            return reason not in texts.requirements
