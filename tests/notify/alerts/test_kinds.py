"""The kinds of alerts are the same in notify, in the contract of its events, and in its database."""

import re
from typing import get_args

import pytest

from services.notify.alerts.adapters import alert_texts
from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertKind
from shared.contracts.notify import AlertEvent
from tests.conftest import NewPool

SELECT_CHECK = "select pg_get_constraintdef(oid) from pg_constraint where conname = $1"
KINDS = set(get_args(AlertKind))
GATHERED = KINDS - ALWAYS_SENT_KINDS


def test_the_contract_names_every_kind() -> None:
    assert set(get_args(AlertEvent.model_fields["kind"].annotation)) == KINDS


@pytest.mark.parametrize(
    ("constraint", "kinds"), [("alerts_kind_check", KINDS), ("alert_windows_kind_check", GATHERED)]
)
async def test_the_database_takes_every_kind(new_pool: NewPool, constraint: str, kinds: set[str]) -> None:
    pool = await new_pool("notify")
    assert set(re.findall(r"'([a-z-]+)'", await pool.fetchval(SELECT_CHECK, constraint))) == kinds


def test_every_kind_that_is_gathered_has_words_for_several() -> None:
    assert {kind for kind, _, _ in alert_texts().several} == GATHERED
