"""Compares the whole table of decisions with an independent statement of the rules."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.access import RULES_VERSION, Facts, Permit, Refusal, decide, decode_facts, encode_facts
from shared.access.decide import ACTIONS
from tests.infra.access.oracle import may
from tests.infra.access.table import (
    COLUMNS,
    KINDS,
    NEVER_KINDS,
    one_fact_away,
    permitted_rows,
    random_rows,
    whole_table,
)

ROWS = permitted_rows()


def wrong(rows: Iterable[Facts]) -> Iterator[Facts]:
    for facts in rows:
        if isinstance(decide(facts), Permit) is not may(facts):
            yield facts


def test_each_rule_action_and_kind_has_a_row_that_is_permitted() -> None:
    assert [facts for facts in ROWS if not isinstance(decide(facts), Permit)] == []
    told_of = {(facts.action, facts.actor_kind) for facts in ROWS}
    assert told_of >= {
        (action, kind)
        for action, (lists, _) in ACTIONS.items()
        for kind in lists
        if (kind, action.split("-")[0]) != ("software", "read") or action == "read"
    }


def test_one_fact_away_from_a_permitted_row_the_answer_is_what_the_rules_say() -> None:
    assert next((changed for facts in ROWS for changed in wrong(one_fact_away(facts))), None) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_table_of_a_kind_says_what_the_rules_say(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    size = permits = 0
    for facts in whole_table(kind):
        answer, expected = decide(facts), may(facts)
        assert isinstance(answer, Permit) is expected, facts
        size, permits = size + 1, permits + expected
    with capsys.disabled():
        print(f"\n{kind}: {size} rows, {permits} permitted")


def test_rows_made_by_chance_say_what_the_rules_say() -> None:
    assert next(wrong(random_rows(40_000)), None) is None


@pytest.mark.parametrize("kind", NEVER_KINDS)
def test_other_kinds_are_refused_whatever_else_is_true(kind: str) -> None:
    for facts in ROWS:
        assert decide(replace(facts, actor_kind=kind)) == Refusal("kind-not-permitted", False, RULES_VERSION)


ANYTHING: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        field.name: st.sampled_from(COLUMNS[field.name])
        | (
            st.booleans()
            if isinstance(field.default, bool)
            else st.frozensets(st.text(max_size=9))
            if field.default == frozenset()
            else st.text(max_size=9)
        )
        for field in fields(Facts)
    }
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(ANYTHING.map(lambda facts: Facts(**facts)))
def test_any_facts_get_an_answer_and_can_be_told_and_read_again(facts: Facts) -> None:
    answer = decide(facts)
    assert isinstance(answer, Permit) is may(facts)
    assert not (isinstance(answer, Refusal) and answer.hides_existence and answer.retry)
    assert decode_facts(encode_facts(facts)) == facts


def test_a_fact_that_the_rules_do_not_know_is_not_read() -> None:
    with pytest.raises(TypeError):
        decode_facts({"action": "read", "actor_kind": "patient", "shoe_size": "42"})
