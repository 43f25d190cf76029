"""A consumer stops when too many records fail, and resumes without intervention."""

from shared.messaging.circuit_breaker import FAILURE_THRESHOLD, LONGEST_STOP_S, SHORTEST_STOP_S, CircuitBreaker


def opened(now: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    assert breaker.record_outcomes([True] * FAILURE_THRESHOLD, now) == "opened"
    return breaker


def test_few_failures_open_nothing() -> None:
    breaker = CircuitBreaker()
    assert breaker.record_outcomes([True] * (FAILURE_THRESHOLD - 1), 0.0) is None
    assert not breaker.is_open
    assert breaker.opens_at_next_failure()


def test_many_failures_among_many_more_successes_open_nothing() -> None:
    breaker = CircuitBreaker()
    breaker.record_outcomes([False] * 90, 0.0)
    assert breaker.record_outcomes([True] * 20, 0.0) is None
    assert breaker.record_outcomes([True], 0.0) == "opened"


def test_of_a_batch_no_more_is_admitted_than_opens_it() -> None:
    assert CircuitBreaker().admitted_count([True] * 500, 0.0) == FAILURE_THRESHOLD
    assert CircuitBreaker().admitted_count([False] * 500, 0.0) == 500
    assert CircuitBreaker().admitted_count([None] * 500, 0.0) == 500


def test_while_it_is_open_nothing_is_admitted_until_a_trial_is_due() -> None:
    breaker = opened()
    assert breaker.admitted_count([False] * 5, SHORTEST_STOP_S - 0.1) == 0
    assert breaker.admitted_count([False] * 5, SHORTEST_STOP_S) == 1


def test_a_trial_is_the_first_record_that_tells_something() -> None:
    assert opened().admitted_count([None, None, False, False], SHORTEST_STOP_S) == 3
    assert opened().admitted_count([None, None], SHORTEST_STOP_S) == 2


def test_a_trial_that_succeeds_closes_it() -> None:
    breaker = opened()
    assert breaker.record_outcomes([False], SHORTEST_STOP_S) == "closed"
    assert not breaker.is_open
    assert breaker.admitted_count([False] * 5, SHORTEST_STOP_S) == 5


def test_trials_that_fail_come_ever_more_rarely() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(6):
        start = now
        while breaker.admitted_count([True], now) == 0:
            now += 1.0
        waits.append(now - start)
        assert breaker.record_outcomes([True], now) is None
    assert waits == [SHORTEST_STOP_S, 10, 20, 40, LONGEST_STOP_S, LONGEST_STOP_S]


def test_what_tells_nothing_changes_nothing() -> None:
    breaker = opened()
    assert breaker.record_outcomes([], SHORTEST_STOP_S) is None
    assert breaker.is_open
