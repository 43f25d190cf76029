"""The copies must be known, young and whole; what does not exist has an age too."""

from datetime import UTC, datetime, timedelta

import pytest

from services.records.copies.domain.copies import COPIED_TOPICS, CopyAge, decoy_age

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = timedelta(seconds=120)


@pytest.mark.parametrize(
    ("age", "fresh"),
    [
        (CopyAge(NOW, NOW, erasures_at=NOW), True),
        (CopyAge(NOW - LIMIT, NOW, erasures_at=NOW), True),
        (CopyAge(NOW - LIMIT - timedelta(milliseconds=1), NOW, erasures_at=NOW), False),
        (CopyAge(NOW, NOW - timedelta(days=1), erasures_at=NOW), False),
        (CopyAge(None, NOW, erasures_at=NOW), False),
        (CopyAge(NOW, None, erasures_at=NOW), False),
        (CopyAge(NOW, NOW), False),
        (CopyAge(NOW, NOW, broken=True, erasures_at=NOW), False),
    ],
)
def test_all_copies_must_be_known_young_and_whole(age: CopyAge, fresh: bool) -> None:
    assert age.is_fresh(NOW, LIMIT) is fresh


def test_what_does_not_exist_has_the_age_of_always_the_same_partition() -> None:
    notices = {topic: [NOW - timedelta(seconds=n) for n in range(4)] for topic in COPIED_TOPICS}
    ages = [decoy_age(notices, number) for number in range(8)]
    assert ages[:4] == ages[4:]
    assert len(set(ages)) == 4
    assert decoy_age({}, 3) == CopyAge(None, None)
