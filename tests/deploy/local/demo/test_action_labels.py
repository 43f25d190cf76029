"""The labels of `dmp accesses` for every action that the ledger may show."""

from typing import get_args

import pytest

from deploy.local.demo.action_labels import ACTION_LABELS, action_label
from shared.contracts.audit import Action

SHOWN = {*get_args(Action), "publish-document"}


@pytest.mark.parametrize("action", sorted(SHOWN))
def test_each_action_that_may_be_shown_has_a_label(action: str) -> None:
    assert action in ACTION_LABELS
    assert "-" not in action_label(action).replace("break-glass", "")


def test_every_label_belongs_to_an_action_and_no_two_labels_are_equal() -> None:
    assert set(ACTION_LABELS) == SHOWN
    assert len(set(ACTION_LABELS.values())) == len(ACTION_LABELS)


def test_an_unknown_code_is_still_readable() -> None:
    assert action_label("do-something-new") == "do something new"


def test_an_emergency_is_part_of_the_label() -> None:
    assert (
        action_label("read-document", "bris_de_glace")
        == action_label("read-document", "centre_15")
        == "read a document in an emergency"
    )
    assert action_label("read-document", "normal") == "read a document"
