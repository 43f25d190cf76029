"""Brokers are lost under load: `tests/chaos/brokers.py` says how, and what is checked."""

from tests.infra.platform.trials import assert_trial_succeeds


def test_a_broker_is_lost_and_then_another_and_no_acknowledged_deposit_is_lost_doubled_or_untraced() -> None:
    assert_trial_succeeds("brokers.py")
