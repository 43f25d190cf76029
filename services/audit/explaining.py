"""Why something was permitted or refused: the rules in order, what each saw, and the sentence. Pure.

Told to the person's side whole; to the professional who asked only what that one may know: a refusal by somebody's
choice is not told at all, as if there were nothing.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from shared.access import KEPT, Facts, Permit, Refusal, decide, decode_facts
from shared.access.decide import ACTIONS
from shared.terminology.visibility import Visibility

Language = Literal["fr", "en"]
Told = Mapping[str, Any]
Party = Literal["patient", "representative", "professional"]
ASKERS_OWN = frozenset(
    {
        *("action", "actor_kind", "never", "profession", "mode", "secret", "motive", "regulator"),
        "record_named",
        *("card_present", "about_self", "copies_fresh", "matrix_cell"),
    }
)
"""Facts about who asks and how, which the asker may see; the others tell of the person's choices."""
DOCUMENT_FACTS = frozenset({"document_status", "document_type", "class_code", "section", "labels"})
_HIDDEN_FROM: dict[Party, frozenset[str]] = {
    "patient": frozenset({Visibility.INVISIBLE_TO_PATIENT.value}),
    "representative": frozenset({Visibility.INVISIBLE_TO_PATIENT.value, Visibility.INVISIBLE_TO_REPRESENTATIVES.value}),
    "professional": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Decided:
    """An entry of the ledger as far as it tells of a decision. `details`: what has no column of its own."""

    event_id: UUID
    event_type: str
    occurred_at: datetime
    record_id: UUID
    action: str
    outcome: str
    reason: str | None
    actor_kind: str
    actor_id: str
    document_id: UUID | None
    mode: str
    rules_version: str | None
    details: Told


@dataclass(frozen=True, slots=True)
class Step:
    """One requirement: its code, whether it was met, the facts that it looked at, question and answer in words."""

    code: str
    met: bool
    facts: Told
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Group:
    """The answer about all documents of a search that have these facts in common."""

    outcome: str
    reason: str
    facts: Told
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`recomputed`: the rules of today were asked again with the same facts, and these are the rules of then."""

    entry: Decided
    recomputed: bool
    steps: tuple[Step, ...]
    sentence: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """The words of one requirement, by language: question, met, unmet; and the facts that it looks at."""

    facts: tuple[str, ...]
    words: Mapping[Language, tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Words:
    """All that is said, from `explanations.toml`. `of_actions`: by action and reason, what no access rule decided."""

    requirements: Mapping[str, Requirement]
    sentences: Mapping[str, Mapping[Language, str]]
    of_actions: Mapping[str, Mapping[str, Mapping[Language, str]]]


@cache
def words() -> Words:
    """The whole table."""
    said = tomllib.loads(Path(__file__).with_name("explanations.toml").read_text("utf-8"))
    requirements = {
        code: Requirement(tuple(one["facts"]), {"fr": tuple(one["fr"]), "en": tuple(one["en"])})
        for code, one in said["requirements"].items()
    }
    of_actions = {action: _both(sentences) for action, sentences in said["actions"].items()}
    return Words(requirements, _both(said["rules"] | said["sentences"]), of_actions)


def _both(said: Mapping[str, tuple[str, str]]) -> dict[str, Mapping[Language, str]]:
    return {code: {"fr": french, "en": english} for code, (french, english) in said.items()}


@cache
def chosen_reasons() -> frozenset[str]:
    """Reasons that rest on somebody's choice in at least one list."""
    lists = [requirements for by_kind, _ in ACTIONS.values() for requirements in by_kind.values()]
    return frozenset(one.reason for requirements in lists for one in requirements if one.hides_existence)


def decide_again(said: Told, version: str | None) -> tuple[Facts, Permit | Refusal] | None:
    """What these rules answer to these facts, or those of today where they are not kept; None for facts that are not
    known."""
    try:
        facts = decode_facts({**said, "as_of": version})
    except TypeError:
        return None
    return facts, decide(facts)


def is_told_to_asker(entry: Decided) -> bool:
    """Whether the professional who asked may learn why: not of a refusal by choice, nor of one unknown now."""
    if entry.outcome != "refused":
        return True
    again = decide_again(entry.details["facts"], entry.rules_version) if "facts" in entry.details else None
    if again is not None and entry.rules_version in KEPT:
        decision = again[1]
        return isinstance(decision, Permit) or (decision.reason == entry.reason and not decision.hides_existence)
    return entry.reason in words().requirements and entry.reason not in chosen_reasons()


def explain(entry: Decided, told_to: Party, language: Language) -> Explanation:
    """The explanation, for somebody who may see this entry.

    Of what was permitted although the rules refuse its facts (a search that was let through for an author's own
    documents) no steps are told: they end with a refusal that was none, and may rest on somebody's choice.
    """
    said: Told = entry.details.get("facts") or {}
    again = decide_again(said, entry.rules_version) if said else None
    groups = tuple(_groups(entry, said, told_to, language))
    decision = None if again is None or entry.rules_version not in KEPT else again[1]
    if decision is None or (isinstance(decision, Refusal) and entry.outcome == "permitted"):
        return Explanation(entry, False, (), _sentence(entry, language), groups)
    steps = tuple(_steps(decision, said, told_to, language))
    if isinstance(decision, Permit) and entry.outcome == "refused":
        return Explanation(entry, True, steps, words().sentences["other-reason"][language], groups)
    reason = decision.rule if isinstance(decision, Permit) else decision.reason
    return Explanation(entry, True, steps, _said(reason, entry.outcome, language), groups)


def _steps(decision: Permit | Refusal, said: Told, told_to: Party, language: Language) -> Iterator[Step]:
    for code in decision.passed:
        yield _step(code, True, said, told_to, language)
    if isinstance(decision, Refusal):
        yield _step(decision.reason, False, said, told_to, language)


def _step(code: str, met: bool, said: Told, told_to: Party, language: Language) -> Step:
    requirement = words().requirements[code]
    question, yes, no = requirement.words[language]
    seen = {name: said[name] for name in requirement.facts if name in said}
    return Step(code, met, _told_facts(seen, told_to), question, yes if met else no)


def _told_facts(seen: Told, told_to: Party) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if told_to != "professional" or name in ASKERS_OWN}


def _groups(entry: Decided, common: Told, told_to: Party, language: Language) -> Iterator[Group]:
    hidden = _HIDDEN_FROM[told_to]
    for one in entry.details.get("combinations") or ():
        facts = {**common, **one["facts"]}
        if hidden.intersection(facts.get("labels", ())) or (told_to == "professional" and one["outcome"] == "refused"):
            continue
        shown = {name: facts[name] for name in sorted(DOCUMENT_FACTS) if name in facts}
        yield Group(one["outcome"], one["reason"], shown, _said(one["reason"], one["outcome"], language))


def _sentence(entry: Decided, language: Language) -> str:
    """Of the entry's own reason."""
    of_action = words().of_actions.get(entry.action, {}).get(entry.reason or "")
    return _said(entry.reason, entry.outcome, language) if of_action is None else of_action[language]


def _said(reason: str | None, outcome: str, language: Language) -> str:
    known, code = words(), reason or ""
    if outcome == "refused" and code in known.requirements:
        return known.requirements[code].words[language][2]
    return known.sentences.get(code, known.sentences["no-decision"])[language]
