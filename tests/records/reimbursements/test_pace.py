"""An import yields when its batches become slow."""

from services.records.reimbursements.domain.pace import LONGEST_PAUSE_S, TOLERATED, Pace


def test_batches_of_even_speed_are_not_delayed() -> None:
    pace = Pace()
    assert [pace.pause_after(seconds, 1000) for seconds in (0.10, 0.12, 0.10, 0.14)] == [0.0] * 4


def test_a_slow_batch_is_followed_by_a_pause_as_long_as_it_was_late() -> None:
    pace = Pace()
    pace.pause_after(0.1, 1000)
    assert round(pace.pause_after(0.5, 1000), 2) == round(0.5 - TOLERATED * 0.1, 2)
    assert pace.pause_after(60.0, 1000) == LONGEST_PAUSE_S


def test_short_batches_are_compared_by_the_line() -> None:
    pace = Pace()
    pace.pause_after(0.1, 1000)
    assert pace.pause_after(0.012, 100) == 0.0


def test_a_machine_that_stays_slower_is_soon_taken_as_it_is() -> None:
    pace = Pace()
    pace.pause_after(0.1, 1000)
    pauses = [pace.pause_after(0.3, 1000) for _ in range(120)]
    assert pauses[0] > 0.1
    assert pauses[-1] == 0.0
