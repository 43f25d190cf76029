"""Who may read what: the whole table of facts against rules written a second time, and rows in plain words."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from shared.access import Permit, ReadFacts, Refusal, decide_read
from shared.access import old as decide

READERS = ("patient", "professional", "software")
NEVER = ("administrator", "operator", "system", "unknown", "mutuelle", "employer", "insurer", "")
LABELS = (
    frozenset({"N"}),
    frozenset({"N", "MASQUE_PS"}),
    frozenset({"N", "INVISIBLE_PATIENT"}),
    frozenset({"N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}),
    frozenset({"N", "TOMORROWS_LABEL"}),
    frozenset[str](),
)
BOTH = (True, False)

DOCTOR = ReadFacts(
    actor_kind="professional",
    profession="10",
    action="read",
    own_record=False,
    record_status="open",
    choices_known=True,
    copies_fresh=True,
    authorised=True,
    blocked=False,
    document_status="published",
    labels=frozenset({"N"}),
)
PATIENT = replace(DOCTOR, actor_kind="patient", profession=None, own_record=True, authorised=False)
SOFTWARE = replace(DOCTOR, actor_kind="software", profession=None, authorised=False, own_deposit=True)


COLUMNS: dict[str, tuple[Any, ...]] = {
    "profession": (None, "10", "DISPOSITIF"),
    "mode": ("normal", "emergency"),
    "action": ("read", "find", "erase"),
    "own_record": BOTH,
    "record_status": ("open", "closed", "unknown"),
    "choices_known": BOTH,
    "copies_fresh": BOTH,
    "authorised": BOTH,
    "blocked": BOTH,
    "document_status": (None, "published", "received", "refused", "lost"),
    "labels": LABELS,
    "own_deposit": BOTH,
    "author": BOTH,
}


def whole_table(kind: str) -> Iterator[ReadFacts]:
    """Every combination of what the facts can say about an actor of this kind."""
    for values in product(*COLUMNS.values()):
        yield ReadFacts(actor_kind=kind, **dict(zip(COLUMNS, values, strict=True)))


def may_read(f: ReadFacts) -> bool:
    """The rules once more, as one would say them, in no order."""
    about_a_document = f.action == "read" or f.document_status is not None
    known_labels = {"N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}
    visible = f.document_status == "published" and "N" in f.labels and f.labels <= known_labels
    if f.mode != "normal" or f.action == "erase":
        return False
    if f.actor_kind == "patient":
        return f.own_record and (not about_a_document or (visible and "INVISIBLE_PATIENT" not in f.labels))
    if f.actor_kind == "professional":
        person = f.profession == "10" and f.authorised and not f.blocked
        record = f.record_status == "open" and f.choices_known and f.copies_fresh
        document = visible and ("MASQUE_PS" not in f.labels or f.author)
        return person and record and (document or not about_a_document)
    if f.actor_kind == "software":
        return about_a_document and f.own_deposit and f.document_status in ("received", "published", "refused")
    return False


@pytest.mark.parametrize("kind", READERS)
def test_the_whole_table_of_a_reader_says_what_the_rules_say(kind: str) -> None:
    for facts in whole_table(kind):
        answer = decide_read(facts)
        assert isinstance(answer, Permit) is may_read(facts), facts
        assert not (isinstance(answer, Refusal) and answer.by_choice and answer.retry), facts


@pytest.mark.parametrize("kind", NEVER)
def test_other_kinds_of_actors_are_refused_whatever_else_is_true(kind: str) -> None:
    for facts in (DOCTOR, PATIENT, SOFTWARE, *one_fact_away(DOCTOR), *one_fact_away(PATIENT), *one_fact_away(SOFTWARE)):
        assert decide_read(replace(facts, actor_kind=kind)) == Refusal("kind-not-permitted", False, "1"), facts


def test_with_an_old_copy_every_record_and_document_answers_the_same_to_a_professional() -> None:
    asked = (replace(DOCTOR, copies_fresh=False), replace(DOCTOR, copies_fresh=False, action="find"))
    unvarying = {"profession": "10", "mode": "normal", "copies_fresh": False}
    for facts in asked:
        for other in one_fact_away(facts):
            if other.action != "erase":
                assert decide_read(replace(other, **unvarying)) == Refusal("copies-too-old", False, "1", retry=True)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        (DOCTOR, "authorised"),
        (replace(DOCTOR, action="find", document_status=None, labels=frozenset()), "authorised"),
        (replace(DOCTOR, labels=frozenset({"N", "INVISIBLE_PATIENT"})), "authorised"),
        (replace(DOCTOR, labels=frozenset({"N", "MASQUE_PS"}), author=True), "author"),
        (PATIENT, "own-record"),
        (replace(PATIENT, labels=frozenset({"N", "MASQUE_PS"})), "own-record"),
        (replace(PATIENT, choices_known=False, copies_fresh=False, record_status="unknown"), "own-record"),
        (replace(PATIENT, action="find", document_status=None, labels=frozenset()), "own-record"),
        (SOFTWARE, "own-deposit"),
        (replace(SOFTWARE, document_status="received", copies_fresh=False), "own-deposit"),
        (replace(SOFTWARE, document_status="refused", labels=frozenset({"V"})), "own-deposit"),
    ],
)
def test_who_may_read_is_permitted_by_the_rule_of_that_name(facts: ReadFacts, answer: str) -> None:
    assert decide_read(facts) == Permit(answer, "1")


@pytest.mark.parametrize(
    ("facts", "reason", "like_a_missing_one"),
    [
        (replace(DOCTOR, authorised=False), "not-authorised", True),
        (replace(DOCTOR, blocked=True), "blocked", True),
        (replace(DOCTOR, labels=frozenset({"N", "MASQUE_PS"})), "masked", True),
        (replace(DOCTOR, document_status="received"), "not-published", True),
        (replace(DOCTOR, document_status="refused"), "not-published", True),
        (replace(DOCTOR, document_status=None), "not-published", True),
        (replace(DOCTOR, labels=frozenset({"N", "R"})), "label-unknown", True),
        (replace(DOCTOR, record_status="closed"), "record-closed", True),
        (replace(DOCTOR, record_status="merged"), "record-unknown", True),
        (replace(DOCTOR, mode="emergency"), "mode-unsupported", False),
        (replace(DOCTOR, profession=None), "profession-not-permitted", False),
        (replace(DOCTOR, profession="ALIM_AM"), "profession-not-permitted", False),
        (replace(DOCTOR, own_deposit=True, own_record=True, authorised=False), "not-authorised", True),
        (replace(PATIENT, own_record=False, authorised=True), "not-own-record", True),
        (replace(PATIENT, labels=frozenset({"N", "INVISIBLE_PATIENT"})), "invisible-to-patient", True),
        (replace(PATIENT, document_status="received"), "not-published", True),
        (replace(SOFTWARE, own_deposit=False, authorised=True), "not-own-deposit", True),
        (replace(SOFTWARE, action="find", document_status=None), "search-not-permitted", False),
        (replace(SOFTWARE, document_status="lost"), "status-unknown", True),
        (replace(DOCTOR, actor_kind="mutuelle"), "kind-not-permitted", False),
    ],
)
def test_who_may_not_read_is_refused_with_this_reason(facts: ReadFacts, reason: str, like_a_missing_one: bool) -> None:
    assert decide_read(facts) == Refusal(reason, like_a_missing_one, "1")


def test_without_a_state_of_consent_a_professional_is_asked_to_come_again() -> None:
    assert decide_read(replace(DOCTOR, choices_known=False)) == Refusal("choices-unknown", False, "1", retry=True)


@pytest.mark.parametrize(
    ("permitted", "shadowed"),
    [
        (PATIENT, set()),
        # What is unknown is not open either, and no search is for an own deposit: these two only name the reason.
        (DOCTOR, {"record-unknown"}),
        (SOFTWARE, {"search-not-permitted"}),
    ],
)
def test_each_requirement_is_needed_without_it_the_table_is_wrong(
    permitted: ReadFacts, shadowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = permitted.actor_kind
    requirements, rule = decide._READERS[kind]
    for left_out in requirements:
        others = tuple(one for one in requirements if one is not left_out)
        monkeypatch.setitem(decide._READERS, kind, (others, rule))
        wrong = [f for f in one_fact_away(permitted) if isinstance(decide_read(f), Permit) is not may_read(f)]
        assert wrong or left_out.reason in shadowed, left_out.reason


def one_fact_away(facts: ReadFacts) -> Iterator[ReadFacts]:
    """The neighbours of a row in the table."""
    for name, values in COLUMNS.items():
        for value in values:
            if value != getattr(facts, name):
                yield replace(facts, **{name: value})
