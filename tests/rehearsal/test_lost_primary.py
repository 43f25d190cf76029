"""The primary of PostgreSQL is lost under load: `tests/chaos/failover.py` says how, and what is checked."""

from tests.infra.platform.trials import assert_trial_succeeds


def test_a_standby_takes_over_from_a_lost_primary_and_the_offsets_prove_that_nothing_acknowledged_is_lost() -> None:
    assert_trial_succeeds("failover.py")
