"""A consumer stops when too much fails, and goes on by itself."""

from shared.messaging.circuit_breaker import FAILURES, LONGEST_STOP_S, SHORTEST_STOP_S, CircuitBreaker


def opened(now: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    assert breaker.note_all([True] * FAILURES, now) == "opened"
    return breaker


def test_few_failures_open_nothing() -> None:
    breaker = CircuitBreaker()
    assert breaker.note_all([True] * (FAILURES - 1), 0.0) is None
    assert not breaker.is_open
    assert breaker.would_open()


def test_many_failures_among_many_more_successes_open_nothing() -> None:
    breaker = CircuitBreaker()
    breaker.note_all([False] * 90, 0.0)
    assert breaker.note_all([True] * 20, 0.0) is None
    assert breaker.note_all([True], 0.0) == "opened"


def test_of_a_batch_no_more_is_admitted_than_opens_it() -> None:
    assert CircuitBreaker().admits([True] * 500, 0.0) == FAILURES
    assert CircuitBreaker().admits([False] * 500, 0.0) == 500
    assert CircuitBreaker().admits([None] * 500, 0.0) == 500


def test_while_it_is_open_nothing_is_admitted_until_a_trial_is_due() -> None:
    breaker = opened()
    assert breaker.admits([False] * 5, SHORTEST_STOP_S - 0.1) == 0
    assert breaker.admits([False] * 5, SHORTEST_STOP_S) == 1


def test_a_trial_is_the_first_record_that_tells_something() -> None:
    assert opened().admits([None, None, False, False], SHORTEST_STOP_S) == 3
    assert opened().admits([None, None], SHORTEST_STOP_S) == 2


def test_a_trial_that_succeeds_closes_it() -> None:
    breaker = opened()
    assert breaker.note_all([False], SHORTEST_STOP_S) == "closed"
    assert not breaker.is_open
    assert breaker.admits([False] * 5, SHORTEST_STOP_S) == 5


def test_trials_that_fail_come_ever_more_rarely() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(6):
        began = now
        while breaker.admits([True], now) == 0:
            now += 1.0
        waits.append(now - began)
        assert breaker.note_all([True], now) is None
    assert waits == [SHORTEST_STOP_S, 10, 20, 40, LONGEST_STOP_S, LONGEST_STOP_S]


def test_what_tells_nothing_changes_nothing() -> None:
    breaker = opened()
    assert breaker.note_all([], SHORTEST_STOP_S) is None
    assert breaker.is_open
