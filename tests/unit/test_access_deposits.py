"""Which deposit may enter a record: the whole table against rules written a second time, and rows in plain words."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product

import pytest

from shared.access import DepositFacts, Permit, Refusal, decide_deposit
from shared.access import old as decide

LABELS = ("N", "R", "V", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "TOMORROWS_LABEL")
PLAIN = DepositFacts(
    record_status="open", organisation_id="1750000001", organisation_objected=False, labels=frozenset({"N"})
)


def whole_table() -> Iterator[DepositFacts]:
    """Every status, organisation, objection and set of labels."""
    sets = chain.from_iterable(combinations(LABELS, size) for size in range(len(LABELS) + 1))
    for labels, status, organisation, objected in product(
        list(sets), ("open", "closed", "unknown", "merged"), ("1750000001", ""), (True, False)
    ):
        yield DepositFacts(
            record_status=status,
            organisation_id=organisation,
            organisation_objected=objected,
            labels=frozenset(labels),
        )


def may_deposit(f: DepositFacts) -> bool:
    """The rules once more, as one would say them."""
    shareable = "N" in f.labels and not f.labels & {"R", "V", "TOMORROWS_LABEL"}
    hidden_from_all = {"MASQUE_PS", "INVISIBLE_PATIENT"} <= f.labels
    return (
        f.record_status == "open"
        and f.organisation_id != ""
        and not f.organisation_objected
        and shareable
        and not hidden_from_all
    )


def test_the_whole_table_says_what_the_rules_say() -> None:
    for facts in whole_table():
        assert isinstance(decide_deposit(facts), Permit) is may_deposit(facts), facts


def test_each_requirement_is_needed_without_it_the_table_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = decide._DEPOSIT
    shadowed = {"record-unknown"}  # what is unknown is not open either: the requirement gives the reason its name
    for left_out in requirements:
        monkeypatch.setattr(decide, "_DEPOSIT", tuple(one for one in requirements if one is not left_out))
        wrong = any(isinstance(decide_deposit(facts), Permit) is not may_deposit(facts) for facts in whole_table())
        assert wrong or left_out.reason in shadowed, left_out.reason


@pytest.mark.parametrize(
    "labels", [{"N"}, {"N", "MASQUE_PS"}, {"N", "INVISIBLE_PATIENT"}, {"N", "INVISIBLE_REPRESENTANTS_LEGAUX"}]
)
def test_a_deposit_that_nobody_objects_to_is_permitted(labels: set[str]) -> None:
    assert decide_deposit(replace(PLAIN, labels=frozenset(labels))) == Permit("feeding", "1")


@pytest.mark.parametrize(
    ("facts", "reason", "by_choice"),
    [
        (replace(PLAIN, organisation_objected=True), "consent-opposed", True),
        (replace(PLAIN, record_status="closed"), "record-closed", False),
        (replace(PLAIN, record_status="unknown"), "record-unknown", False),
        (replace(PLAIN, organisation_id=""), "organisation-unknown", False),
        (replace(PLAIN, labels=frozenset({"R"})), "labels-not-allowed", False),
        (replace(PLAIN, labels=frozenset({"V", "MASQUE_PS"})), "labels-not-allowed", False),
        (replace(PLAIN, labels=frozenset({"N", "R"})), "labels-not-allowed", False),
        (replace(PLAIN, labels=frozenset({"MASQUE_PS"})), "labels-not-allowed", False),
        (replace(PLAIN, labels=frozenset()), "labels-not-allowed", False),
        (replace(PLAIN, labels=frozenset({"N", "SECRET"})), "label-unknown", False),
        (replace(PLAIN, labels=frozenset({"N", "MASQUE_PS", "INVISIBLE_PATIENT"})), "masked-and-invisible", False),
    ],
)
def test_a_deposit_against_a_rule_is_refused_with_this_reason(
    facts: DepositFacts, reason: str, by_choice: bool
) -> None:
    assert decide_deposit(facts) == Refusal(reason, by_choice, "1")


def test_the_national_parameter_allows_masked_and_invisible_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "MASKED_AND_INVISIBLE_ALLOWED", True)
    facts = replace(PLAIN, labels=frozenset({"N", "MASQUE_PS", "INVISIBLE_PATIENT"}))
    assert decide_deposit(facts) == Permit("feeding", "1")
