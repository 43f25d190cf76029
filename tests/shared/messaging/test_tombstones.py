"""A null payload: on a state topic a tombstone, which is skipped; on a facts topic a dead letter."""

from uuid import uuid4

import pytest

from shared.contracts.declarations import Topic
from shared.contracts.topics import CONSENT_STATES, TOPICS
from shared.messaging.envelope import InvalidRecord, KeptRecord, Skipped, decode
from shared.messaging.outbox import tombstone


def record(topic: Topic, key: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> KeptRecord:
    return KeptRecord(f"p.{topic.name}", 0, 0, key, None, headers or [])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_null_payload_is_passed_over_on_a_state_topic_and_a_letter_on_a_facts_topic(topic: Topic) -> None:
    headers = [
        ("ce_type", topic.events[0].ce_type.encode()),
        ("ce_id", str(uuid4()).encode()),
        ("ce_time", b"2026-11-22T10:00:00+00:00"),
    ]
    for some in (headers, []):
        decoded = decode(record(topic, b"key", some), "p.")
        if topic.kind == "state":
            assert decoded == Skipped("tombstone")
        else:
            assert isinstance(decoded, InvalidRecord)
            assert decoded.code == ("body-or-key-missing" if some else "envelope-invalid")


def test_without_a_key_nothing_is_a_tombstone() -> None:
    assert isinstance(decode(record(CONSENT_STATES, None), "p."), InvalidRecord)


def test_a_tombstone_is_announced_under_its_key_without_a_body() -> None:
    announcement = tombstone(CONSENT_STATES, "some-key")
    assert (announcement.topic, announcement.key, announcement.body) == (CONSENT_STATES, "some-key", None)
