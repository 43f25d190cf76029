"""Times from other machines: decoding detects a time that cannot be stored or lies too far in the future."""

from datetime import timedelta
from uuid import uuid4

import pytest

from shared.contracts.base import HeartbeatSent
from shared.contracts.topics import CONSENT_STATES, RECORDS_DOCUMENTS
from shared.messaging.envelope import InvalidRecord, KeptRecord, Message, Skipped, decode
from shared.runtime import clock
from tests.infra.messaging.plumbing import document_received


def record(body: bytes, event_type: str, key: str, time: str, topic: str = RECORDS_DOCUMENTS.name) -> KeptRecord:
    headers = {"ce_id": str(uuid4()), "ce_type": event_type, "ce_time": time}
    return KeptRecord(topic, 0, 1, key.encode(), body, [(name, text.encode()) for name, text in headers.items()])


@pytest.mark.parametrize(
    "time",
    [
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "1999-12-31T23:59:59+00:00",
        pytest.param((clock.now() + timedelta(days=2)).isoformat(), id="in two days"),
        "2026-11-28T12:00:00",
    ],
)
def test_an_event_whose_time_is_out_of_bounds_or_has_no_zone_is_a_dead_letter(time: str) -> None:
    event = document_received(uuid4())
    decoded = decode(record(event.model_dump_json().encode(), event.ce_type, event.key, time))
    assert isinstance(decoded, InvalidRecord)
    assert decoded.code == "envelope-invalid"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-11-28T12:00:00"])
def test_an_event_with_a_moment_that_cannot_be_kept_is_a_dead_letter(moment: str) -> None:
    event = document_received(uuid4())
    body = event.model_dump_json().replace(event.model_dump(mode="json")["received_at"], moment)
    decoded = decode(record(body.encode(), event.ce_type, event.key, clock.now().isoformat()))
    assert isinstance(decoded, InvalidRecord)
    assert decoded.code == "data-invalid"


@pytest.mark.parametrize(("ahead", "taken"), [(timedelta(seconds=30), True), (timedelta(days=1), False)])
def test_a_heartbeat_of_tomorrow_is_passed_over(ahead: timedelta, taken: bool) -> None:
    beat = HeartbeatSent(partition=0, at=clock.now() + ahead)
    now = clock.now().isoformat()
    decoded = decode(record(beat.model_dump_json().encode(), beat.ce_type, beat.key, now, CONSENT_STATES.name))
    assert isinstance(decoded, Message) if taken else decoded == Skipped("heartbeat-ahead")
