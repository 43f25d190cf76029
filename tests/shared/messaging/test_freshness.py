"""Watermarks that are unknown, too old or in the future make no copy fresh."""

from datetime import UTC, datetime, timedelta

import pytest

from services.audit.copies.domain import RecordCopy
from services.consent.copies import domain as consent_copies
from services.records.copies.domain.copies import CopyAge
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS, IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.messaging.freshness import HEARTBEAT_AHEAD, are_fresh, decoy_watermarks

NOW, LIMIT = datetime(2026, 11, 28, 12, tzinfo=UTC), timedelta(seconds=120)
SECOND = timedelta(seconds=1)
MOMENTS = [
    (NOW, True),
    (NOW - LIMIT, True),
    (NOW - LIMIT - SECOND, False),
    (NOW + HEARTBEAT_AHEAD, True),
    (NOW + HEARTBEAT_AHEAD + SECOND, False),
    (NOW + timedelta(days=365), False),
    (None, False),
]


@pytest.mark.parametrize(("at", "fresh"), MOMENTS)
def test_one_watermark_out_of_bounds_is_enough(at: datetime | None, *, fresh: bool) -> None:
    assert are_fresh([at], NOW, LIMIT) is fresh
    assert are_fresh([NOW, at], NOW, LIMIT) is are_fresh([at, NOW], NOW, LIMIT) is fresh


def test_no_watermark_at_all_is_not_fresh() -> None:
    assert not are_fresh([], NOW, LIMIT)


@pytest.mark.parametrize(("at", "fresh"), MOMENTS)
@pytest.mark.parametrize("name", ["record_at", "choices_at", "erasures_at"])
@pytest.mark.parametrize("kind", ["professional", "representative", "carer", "application", "software"])
def test_records_asks_the_states_the_choices_and_the_erasures(
    kind: str, name: str, at: datetime | None, *, fresh: bool
) -> None:
    moments = dict.fromkeys(("record_at", "choices_at", "people_at", "matrix_at", "erasures_at"), NOW)
    assert CopyAge(**moments | {name: at}).is_fresh(NOW, LIMIT, kind) is fresh  # type: ignore[arg-type]
    other = CopyAge(**moments, other=CopyAge(**moments | {name: at}))  # type: ignore[arg-type]
    assert other.is_fresh(NOW, LIMIT, kind) is fresh, "of two linked records both count"


@pytest.mark.parametrize(("at", "fresh"), MOMENTS)
@pytest.mark.parametrize("name", ["record_at", "people_at", "erasures_at"])
def test_consent_asks_the_states_the_people_and_the_erasures(name: str, at: datetime | None, *, fresh: bool) -> None:
    age = consent_copies.CopyAge(**dict.fromkeys(("record_at", "people_at", "erasures_at"), NOW) | {name: at})  # type: ignore[arg-type]
    assert age.is_fresh(NOW, LIMIT) is fresh
    assert age.is_fresh_for_holders(NOW, LIMIT) is (fresh or name == "people_at")


@pytest.mark.parametrize(("at", "fresh"), MOMENTS)
@pytest.mark.parametrize("name", ["record_at", "people_at", "erasures_at"])
def test_audit_asks_the_states_the_people_and_the_erasures(name: str, at: datetime | None, *, fresh: bool) -> None:
    copy = RecordCopy("open", **dict.fromkeys(("record_at", "people_at", "erasures_at"), NOW) | {name: at})  # type: ignore[arg-type]
    assert copy.is_fresh(NOW, LIMIT) is fresh


def test_what_is_broken_is_not_fresh() -> None:
    assert not CopyAge(NOW, NOW, broken=True, erasures_at=NOW).is_fresh(NOW, LIMIT)
    assert not RecordCopy("open", record_at=NOW, people_at=NOW, erasures_at=NOW, is_broken=True).is_fresh(NOW, LIMIT)
    broken = consent_copies.CopyAge(NOW, NOW, NOW, is_broken=True)
    assert not broken.is_fresh(NOW, LIMIT)
    assert not broken.is_fresh_for_holders(NOW, LIMIT)


def test_a_records_erasure_comes_in_the_partition_of_the_same_number_as_its_state() -> None:
    for topic in (IDENTITY_RECORDS, IDENTITY_PEOPLE):
        assert topic.key == IDENTITY_ERASURES.key == "record id"
        assert topic.national_partitions == IDENTITY_ERASURES.national_partitions
        assert topic.local_partitions == IDENTITY_ERASURES.local_partitions


def test_every_service_but_the_owner_reads_the_erasures_with_their_heartbeats() -> None:
    assert IDENTITY_ERASURES.has_heartbeats
    readers = {group.service for group in GROUPS if IDENTITY_ERASURES in group.topics}
    assert readers == set(SERVICES) - {"identity"}


def test_a_decoy_takes_each_topics_watermark_from_the_partition_of_its_number() -> None:
    marks = {"a": [NOW, NOW - SECOND], "b": [NOW - LIMIT, NOW]}
    assert decoy_watermarks(marks, ("a", "b", "c"), 1) == (NOW - SECOND, NOW, None)
    assert decoy_watermarks(marks, ("a", "b", "c"), 2) == (NOW, NOW - LIMIT, None)
