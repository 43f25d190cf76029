"""Explains why something was permitted or refused: the requirements in order, the facts of each, a sentence.

The patient and representatives get the whole explanation. The professional who made the request gets what they may
know: a refusal that rests on a patient's choice is not explained, as if it did not exist.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from shared.access import KEPT, Permit, Refusal, decide, decode_facts
from shared.access.decide import ACTIONS
from shared.terminology.visibility import Visibility

Language = Literal["fr", "en"]
FactValues = Mapping[str, Any]
ReaderKind = Literal["patient", "representative", "professional"]
CALLER_FACTS = frozenset(
    {
        *("action", "actor_kind", "never", "profession", "mode", "secret", "motive", "regulator"),
        "record_named",
        *("card_present", "about_self", "copies_fresh", "matrix_cell"),
    }
)
"""Facts about the caller and the request, which a professional may see; the others reveal the patient's choices."""
DOCUMENT_FACTS = frozenset({"document_status", "document_type", "class_code", "section", "labels"})
_HIDDEN_FROM: dict[ReaderKind, frozenset[str]] = {
    "patient": frozenset({Visibility.INVISIBLE_TO_PATIENT.value}),
    "representative": frozenset({Visibility.INVISIBLE_TO_PATIENT.value, Visibility.INVISIBLE_TO_REPRESENTATIVES.value}),
    "professional": frozenset(),
}


@dataclass(frozen=True, slots=True)
class LedgerDecision:
    """An entry of the ledger as the result of a decision. `details`: the fields without a column of their own."""

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
    details: FactValues


@dataclass(frozen=True, slots=True)
class ExplanationStep:
    """One requirement: its code, whether it was met, the facts that it looked at, and question and answer in words."""

    code: str
    met: bool
    facts: FactValues
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class CombinationAnswer:
    """The answer about all documents of a search that have these facts in common."""

    outcome: str
    reason: str
    facts: FactValues
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """An entry with its explanation.

    `recomputed`: the rules that decided are kept, and were applied again to the stored facts.
    """

    entry: LedgerDecision
    recomputed: bool
    steps: tuple[ExplanationStep, ...]
    sentence: str
    combinations: tuple[CombinationAnswer, ...]


@dataclass(frozen=True, slots=True)
class RequirementTexts:
    """The facts that a requirement looks at, and its texts by language: question, answer if met, answer if not met."""

    facts: tuple[str, ...]
    words: Mapping[Language, tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class ExplanationTexts:
    """All texts of `explanations.toml`.

    `of_actions`: by action and reason, the texts of decisions that no access rule made.
    """

    requirements: Mapping[str, RequirementTexts]
    sentences: Mapping[str, Mapping[Language, str]]
    of_actions: Mapping[str, Mapping[str, Mapping[Language, str]]]


@cache
def explanation_texts() -> ExplanationTexts:
    """Returns the texts of `explanations.toml`."""
    table = tomllib.loads(Path(__file__).with_name("explanations.toml").read_text("utf-8"))
    requirements = {
        code: RequirementTexts(tuple(texts["facts"]), {"fr": tuple(texts["fr"]), "en": tuple(texts["en"])})
        for code, texts in table["requirements"].items()
    }
    of_actions = {action: _by_language(sentences) for action, sentences in table["actions"].items()}
    return ExplanationTexts(requirements, _by_language(table["rules"] | table["sentences"]), of_actions)


def _by_language(texts: Mapping[str, tuple[str, str]]) -> dict[str, Mapping[Language, str]]:
    return {code: {"fr": french, "en": english} for code, (french, english) in texts.items()}


@cache
def choice_reasons() -> frozenset[str]:
    """Returns the reasons that rest on a patient's choice in at least one list of requirements."""
    lists = [requirements for by_kind, _ in ACTIONS.values() for requirements in by_kind.values()]
    return frozenset(
        requirement.reason for requirements in lists for requirement in requirements if requirement.hides_existence
    )


def redecide(values: FactValues, version: str | None) -> Permit | Refusal | None:
    """Decides stored facts again under this version of the rules, or under the present ones if it is not kept.

    Returns None for facts of an unknown form.
    """
    try:
        facts = decode_facts({**values, "as_of": version})
    except TypeError:
        return None
    return decide(facts)


def is_explained_to_professional(entry: LedgerDecision) -> bool:
    """Returns whether the professional who made the request may know the reason.

    They may not know a refusal by a patient's choice, nor a reason that is unknown now.
    """
    if entry.outcome != "refused":
        return True
    decision = redecide(entry.details["facts"], entry.rules_version) if "facts" in entry.details else None
    if decision is not None and entry.rules_version in KEPT:
        return isinstance(decision, Permit) or (decision.reason == entry.reason and not decision.hides_existence)
    return entry.reason in explanation_texts().requirements and entry.reason not in choice_reasons()


def explain(entry: LedgerDecision, reader: ReaderKind, language: Language) -> Explanation:
    """Returns the explanation for a reader who may see this entry.

    A search that was permitted although the rules refuse its facts (because of the author's own documents) has no
    steps: they would end with a refusal that was none, and that may rest on a patient's choice.
    """
    values: FactValues = entry.details.get("facts") or {}
    combinations = tuple(_combination_answers(entry, values, reader, language))
    decision = redecide(values, entry.rules_version) if values and entry.rules_version in KEPT else None
    if decision is None or (isinstance(decision, Refusal) and entry.outcome == "permitted"):
        return Explanation(entry, False, (), _sentence(entry, language), combinations)
    steps = tuple(_steps(decision, values, reader, language))
    if isinstance(decision, Permit) and entry.outcome == "refused":
        return Explanation(entry, True, steps, explanation_texts().sentences["other-reason"][language], combinations)
    reason = decision.rule if isinstance(decision, Permit) else decision.reason
    return Explanation(entry, True, steps, reason_text(reason, entry.outcome, language), combinations)


def _steps(
    decision: Permit | Refusal, values: FactValues, reader: ReaderKind, language: Language
) -> Iterator[ExplanationStep]:
    for code in decision.passed:
        yield _step(code, True, values, reader, language)
    if isinstance(decision, Refusal):
        yield _step(decision.reason, False, values, reader, language)


def _step(code: str, met: bool, values: FactValues, reader: ReaderKind, language: Language) -> ExplanationStep:
    texts = explanation_texts().requirements[code]
    question, met_text, unmet_text = texts.words[language]
    seen_values = {name: values[name] for name in texts.facts if name in values}
    return ExplanationStep(code, met, _readable_facts(seen_values, reader), question, met_text if met else unmet_text)


def _readable_facts(values: FactValues, reader: ReaderKind) -> dict[str, Any]:
    return {name: value for name, value in values.items() if reader != "professional" or name in CALLER_FACTS}


def _combination_answers(
    entry: LedgerDecision, common: FactValues, reader: ReaderKind, language: Language
) -> Iterator[CombinationAnswer]:
    hidden_labels = _HIDDEN_FROM[reader]
    for combination in entry.details.get("combinations") or ():
        outcome, reason = combination["outcome"], combination["reason"]
        values = {**common, **combination["facts"]}
        if hidden_labels.intersection(values.get("labels", ())) or (reader == "professional" and outcome == "refused"):
            continue
        if values.get("citations", "none") != "none":  # whether the reader may know of it, what it cites decides
            continue
        document_facts = {name: values[name] for name in sorted(DOCUMENT_FACTS) if name in values}
        yield CombinationAnswer(outcome, reason, document_facts, reason_text(reason, outcome, language))


def _sentence(entry: LedgerDecision, language: Language) -> str:
    """Returns the sentence for the entry's own reason."""
    of_action = explanation_texts().of_actions.get(entry.action, {}).get(entry.reason or "")
    return reason_text(entry.reason, entry.outcome, language) if of_action is None else of_action[language]


def reason_text(reason: str | None, outcome: str, language: Language) -> str:
    """Returns the sentence for a reason of the access rules; that of no decision for any other."""
    texts, code = explanation_texts(), reason or ""
    if outcome == "refused" and code in texts.requirements:
        return texts.requirements[code].words[language][2]
    return texts.sentences.get(code, texts.sentences["no-decision"])[language]
