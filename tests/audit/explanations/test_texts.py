"""The words for each code of the access rules: none is missing, none is left over, and what is told to whom."""

import ast
import inspect
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.audit.explanations.domain import (
    Language,
    LedgerDecision,
    ReaderKind,
    explain,
    explanation_texts,
    is_explained_to_professional,
)
from services.records.record_check.usecases import check_record
from shared.access import RULES_VERSION, Facts, Permit, Refusal, decide, encode_facts, readers, rights, writers
from shared.access.decide import ACTIONS

OPEN: dict[str, Any] = {"record_status": "open", "choices_known": True, "copies_fresh": True, "blocked": "none"}
DOCTOR: dict[str, Any] = {"action": "read", "actor_kind": "professional", "profession": "G15_10", **OPEN}
LETTER: dict[str, Any] = {
    "document_status": "published",
    "labels": frozenset({"N"}),
    "section_hidden": False,
    "matrix_cell": "allowed",
    "authorisation": "valid",
}


def reasons() -> set[str]:
    lists = [requirements for by_kind, _ in ACTIONS.values() for requirements in by_kind.values()]
    return {combination.reason for requirements in lists for combination in requirements} | {
        "action-unknown",
        "kind-not-permitted",
    }


def rules() -> set[str]:
    """All that a function of the rules returns as the code of a permission."""
    codes = {"representative", "carer", "application"}  # where a kind of actor is its own rule
    for module in (readers, writers, rights):
        for function in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(function, ast.FunctionDef) and function.name in ("rule_of", "_professional_rule"):
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        codes |= _texts(node.value)
    return codes


def check_record_reasons() -> set[str]:
    """All that a decision of TD0.2 gives as its reason."""
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(check_record))) if isinstance(node, ast.Call))
    decision_calls = (
        call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("Refusal", "Permit")
    )
    return {text for call in decision_calls for text in _texts(call.args[0])}


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_each_requirement_and_each_rule_has_its_words_and_no_word_is_left_over() -> None:
    table = explanation_texts()
    assert set(table.requirements) == reasons()
    assert set(table.sentences) == rules() | {"no-decision", "other-reason"}
    assert {action: set(reasons_texts) for action, reasons_texts in table.of_actions.items()} == {
        "check-record": check_record_reasons()
    }


def test_each_text_stands_in_both_languages_and_says_something_of_its_own() -> None:
    names = set(Facts.__slots__)
    for code, requirement in explanation_texts().requirements.items():
        assert set(requirement.facts) <= names, code
        texts = [text for language in ("fr", "en") for text in requirement.words[language]]
        assert len(texts) == 6, code
        assert len(set(texts)) == 6, code
        assert all(text.endswith(("?", ".")) for text in texts), code
    for texts_by_code in (explanation_texts().sentences, *explanation_texts().of_actions.values()):
        assert all(both["fr"] != both["en"] for both in texts_by_code.values())


def entry(facts: dict[str, Any], **more: Any) -> LedgerDecision:
    """As the ledger has it."""
    values = Facts(**facts)
    decision = decide(values)
    permitted = isinstance(decision, Permit)
    return LedgerDecision(
        event_id=uuid4(),
        event_type="audit.access-recorded.v1",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        record_id=uuid4(),
        action=more.pop("action", "read-document"),
        outcome=more.pop("outcome", "permitted" if permitted else "refused"),
        reason=more.pop("reason", decision.rule if isinstance(decision, Permit) else decision.reason),
        actor_kind="professional",
        actor_id="899700000001",
        document_id=None,
        mode="normal",
        rules_version=more.pop("rules_version", RULES_VERSION),
        details={"facts": encode_facts(values), **more},
    )


def test_the_steps_are_the_requirements_in_their_order_with_the_deciding_one_last() -> None:
    masked = entry({**DOCTOR, **LETTER, "labels": frozenset({"N", "MASQUE_PS"})})
    explained = explain(masked, "patient", "en")
    assert explained.recomputed
    decision = decide(Facts(**{**DOCTOR, **LETTER, "labels": frozenset({"N", "MASQUE_PS"})}))
    assert isinstance(decision, Refusal)
    assert [step.code for step in explained.steps] == [*decision.passed, "masked"]
    assert [step.met for step in explained.steps] == [*(True for _ in decision.passed), False]
    assert explained.steps[-1].facts == {"labels": ("MASQUE_PS", "N"), "profession": "G15_10"}
    assert explained.sentence == explained.steps[-1].answer == "The document is masked from professionals."
    assert explain(masked, "patient", "fr").sentence == "Le document est masqué aux professionnels."


def test_the_professional_sees_no_fact_of_the_persons_choices() -> None:
    permitted = entry({**DOCTOR, **LETTER})
    seen: dict[str, Any] = {}
    for step in explain(permitted, "professional", "en").steps:
        seen |= step.facts
    assert seen.keys() == {"actor_kind", "profession", "copies_fresh", "matrix_cell"}
    for_patient = explain(permitted, "patient", "en").steps
    assert {"authorisation": "valid", "profession": "G15_10"} in [step.facts for step in for_patient]


@pytest.mark.parametrize(
    ("facts", "more", "expected"),
    [
        ({**DOCTOR, **LETTER}, {}, True),
        ({**DOCTOR, **LETTER, "blocked": "professional"}, {}, False),
        ({**DOCTOR, **LETTER, "authorisation": "none"}, {}, False),
        ({**DOCTOR, **LETTER, "section_hidden": True}, {}, False),
        ({**DOCTOR, **LETTER, "matrix_cell": "denied"}, {}, False),
        ({**DOCTOR, **LETTER, "copies_fresh": False}, {}, True),
        ({**DOCTOR, **LETTER, "mode": "bris_de_glace"}, {}, True),
        ({**DOCTOR, **LETTER, "mode": "bris_de_glace"}, {"rules_version": "1"}, True),
        ({**DOCTOR, **LETTER, "blocked": "both"}, {"rules_version": "1"}, False),
        ({**DOCTOR, **LETTER}, {"outcome": "refused", "reason": "version-differs"}, True),
        ({**DOCTOR, **LETTER}, {"outcome": "refused", "reason": "of-another-time", "rules_version": "1"}, False),
    ],
    ids=str,
)
def test_a_refusal_by_choice_is_not_told_to_the_one_refused(
    facts: dict[str, Any], more: dict[str, Any], expected: bool
) -> None:
    assert is_explained_to_professional(entry(facts, **more)) is expected


def test_another_version_of_the_rules_is_not_asked_again() -> None:
    explained = explain(entry({**DOCTOR, **LETTER, "blocked": "both"}, rules_version="1"), "patient", "en")
    assert (explained.recomputed, explained.steps) == (False, ())
    assert explained.sentence == "The person has blocked this professional or the structure."


@pytest.mark.parametrize(
    ("reader", "types"), [("patient", ["10", "20", "40"]), ("representative", ["10", "20"]), ("professional", ["10"])]
)
def test_of_a_search_each_sees_the_combinations_that_are_theirs_to_know(reader: ReaderKind, types: list[str]) -> None:
    def combination(kind: str, outcome: str, *labels: str) -> dict[str, Any]:
        return {"facts": {"document_type": kind, "labels": labels}, "outcome": outcome, "reason": "authorised"}

    searched = entry(
        {**DOCTOR, "action": "find", "authorisation": "valid"},
        combinations=[
            combination("10", "permitted", "N"),
            combination("20", "refused", "MASQUE_PS", "N"),
            combination("30", "refused", "INVISIBLE_PATIENT", "N"),
            combination("40", "refused", "INVISIBLE_REPRESENTANTS_LEGAUX", "N"),
            {
                "facts": {"document_type": "60591-5", "labels": ("N",), "citations": "hidden"},
                "outcome": "refused",
                "reason": "citation-hidden",
            },
        ],
    )
    assert [answer.facts["document_type"] for answer in explain(searched, reader, "en").combinations] == types


@pytest.mark.parametrize("mode", ["normal", "bris_de_glace"])
def test_of_an_authors_search_nobody_reads_a_refusal_that_was_none(mode: str) -> None:
    refused = {**DOCTOR, "action": "find", "mode": mode, "motive": True, "break_glass": False}
    own_document = {
        "facts": {"author": True, "document_type": "10", "labels": ("N",)},
        "outcome": "permitted",
        "reason": "author",
    }
    searched = entry(
        refused, outcome="permitted", reason="author", action="find-documents", combinations=[own_document]
    )
    parties: tuple[ReaderKind, ...] = ("patient", "representative", "professional")
    for party in parties:
        explained = explain(searched, party, "en")
        assert (explained.recomputed, explained.steps) == (False, ())
        assert explained.sentence == "The professional is the author of the document."
        assert [combination.reason for combination in explained.combinations] == ["author"]


@pytest.mark.parametrize(
    ("outcome", "reason", "language", "beginning"),
    [
        ("permitted", "record-checked", "en", "A health professional, or their software, asked"),
        ("permitted", "record-checked", "fr", "Un professionnel de santé, ou son logiciel, a demandé"),
        ("refused", "kind-not-permitted", "en", "Only a professional who may act in a record"),
        ("refused", "copies-too-old", "fr", "Ce qui était connu du dossier"),
    ],
)
def test_of_td02_the_protocol_is_told_and_no_rule(
    outcome: str, reason: str, language: Language, beginning: str
) -> None:
    decision = entry({**DOCTOR, "action": "find"}, outcome=outcome, reason=reason, action="check-record")
    now = replace(decision, details={}, rules_version=None)
    as_it_was_kept_once = decision if outcome == "permitted" else now
    for explained_entry in (now, as_it_was_kept_once):
        explained = explain(explained_entry, "professional", language)
        assert (explained.steps, explained.combinations) == ((), ())
        assert explained.sentence.startswith(beginning)
        assert is_explained_to_professional(explained_entry)
