"""Versions of a line: the highest one stands, in whatever order they arrive."""

from datetime import date
from itertools import permutations

import pytest

from services.records.reimbursements.domain.versions import (
    WRITING,
    ArrivedLine,
    Effect,
    LineState,
    effect_of,
    state_after,
)

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


def line(version: int, care: bytes | None = b"care", **changed: object) -> ArrivedLine:
    values = {
        "key": b"key",
        "month": OCTOBER,
        "version": version,
        "kind": None if care is None else "medicine",
        "care": care,
        "is_expired": False,
    }
    return ArrivedLine(**{**values, **changed})  # type: ignore[arg-type]  # a value of each field


def after(*lines: ArrivedLine) -> tuple[LineState | None, list[Effect]]:
    """Returns what stands after these lines, and their effects."""
    state: LineState | None = None
    effects: list[Effect] = []
    for arrived in lines:
        effect = effect_of(arrived, state, None if state is None else state.care)
        effects.append(effect)
        if effect in WRITING:
            state = state_after(arrived, state, effect)
    return state, effects


def test_a_correction_replaces_what_it_corrects_and_may_move_its_month() -> None:
    state, effects = after(line(1), line(2, b"other", month=NOVEMBER))
    assert effects == ["new", "corrected"]
    assert state == LineState(b"key", NOVEMBER, 2, "medicine", b"other")


def test_a_correction_of_an_unknown_line_counts_as_new() -> None:
    assert after(line(3))[1] == ["new"]


def test_a_cancelled_line_stays_as_key_and_version_so_that_an_older_one_revives_nothing() -> None:
    state, effects = after(line(2, None), line(1))
    assert effects == ["cancelled", "outdated"]
    assert state == LineState(b"key", OCTOBER, 2, None, None)


def test_a_cancel_leaves_the_line_in_its_month() -> None:
    state, _ = after(line(1), line(2, None, month=NOVEMBER))
    assert state == LineState(b"key", OCTOBER, 2, None, None)


def test_the_same_version_twice_changes_nothing_and_a_difference_is_counted() -> None:
    state, effects = after(line(1), line(1), line(1, b"other"), line(1, None))
    assert effects == ["new", "unchanged", "differing", "differing"]
    assert state is not None
    assert state.care == b"care"


def test_a_line_never_changes_its_person() -> None:
    state, effects = after(line(1), line(2, b"other", key=b"of somebody else"))
    assert effects == ["new", "person-changed"]
    assert state is not None
    assert state.version == 1


def test_a_line_older_than_what_is_kept_leaves_nothing() -> None:
    assert after(line(1, is_expired=True)) == (None, ["expired"])
    assert after(line(2, None, is_expired=True)) == (None, ["expired"])


def test_a_correction_to_a_day_that_is_not_kept_takes_the_care_away() -> None:
    state, effects = after(line(1), line(2, is_expired=True))
    assert effects == ["new", "expired"]
    assert state == LineState(b"key", OCTOBER, 2, None, None)


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_the_order_of_arrival_makes_no_difference(order: tuple[int, ...]) -> None:
    versions = {1: line(1), 2: line(2, b"corrected"), 3: line(3, None)}
    state, _ = after(*(versions[number] for number in order))
    assert state == LineState(b"key", OCTOBER, 3, None, None)
