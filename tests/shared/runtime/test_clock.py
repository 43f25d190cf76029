"""Ids: their layout, and the stability of derived ones."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from shared.runtime import clock

CAUSE = UUID("019a5c3e-7b00-8a1b-9c2d-3e4f50617283")


def test_an_id_begins_with_its_millisecond_and_ends_with_its_bucket() -> None:
    id = clock.uuid8(0x0123_4567_89AB, b"\xff" * 10, 0xBEEF)
    assert str(id) == "01234567-89ab-8fff-bfff-ffffffffbeef"
    assert (clock.millisecond_of(id), clock.bucket_in(id)) == (0x0123_4567_89AB, 0xBEEF)


def test_an_id_without_a_bucket_is_random_to_its_end() -> None:
    assert str(clock.uuid8(1, b"\x00" * 9 + b"\x07")) == "00000000-0001-8000-8000-000000000007"
    assert len({clock.new_id() for _ in range(1000)}) == 1000


def test_a_new_id_names_its_bucket_and_its_time() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    id = clock.new_id(513)
    made_at = clock.made_at(id)
    assert clock.bucket_in(id) == 513
    assert made_at is not None
    assert before <= made_at <= datetime.now(UTC)


def test_an_id_of_another_kind_says_no_time() -> None:
    assert clock.made_at(uuid4()) is None


def test_a_derived_id_is_the_one_that_earlier_releases_derived() -> None:
    assert clock.derived_id(CAUSE, "effect") == UUID("019a5c3e-7b00-80dd-9a00-083571bf1017")


def test_the_first_id_of_a_moment_sorts_before_all_of_its_millisecond() -> None:
    moment = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
    first = clock.first_id_at(moment)
    milliseconds = clock.millisecond_of(first)
    assert clock.uuid8(milliseconds - 1, b"\xff" * 10) < first < clock.uuid8(milliseconds, b"\x00" * 10)
    assert milliseconds == int(moment.timestamp() * 1000)
