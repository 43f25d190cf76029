"""What an event says in the ledger, and where a page of the list begins."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.audit.accesses.domain import LIST_READER_KINDS
from services.audit.consumers import LEDGER_EVENTS
from services.audit.ledger.domain.cursors import CursorInvalidError, LedgerCursor
from services.audit.ledger.domain.entries import entry_of
from services.audit.ledger.domain.quarantine import entry_of_dead_letter
from shared.contracts.audit import AccessRecorded, OperatorActed
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import ClientAdministered
from shared.contracts.notify import AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import (
    DocumentPublished,
    DocumentRefused,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
)
from shared.contracts.topics import AUDIT_LEDGER
from shared.messaging.envelope import InvalidRecord, KeptRecord
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import document_received

RECORD, DOCUMENT, DEPOSIT, OTHER = uuid4(), uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ABOUT: dict[str, Any] = {"record_id": RECORD, "document_id": DOCUMENT, "deposit_id": DEPOSIT}
FED: dict[str, Any] = {**ABOUT, "organisation_id": "1750000001"}
ALERT: dict[str, Any] = {**ABOUT, "alert_id": OTHER, "kind": "document", "caused_by": OTHER, "handled_at": NOW}
DOCTOR = Actor(kind="professional", id="899700000001", profession="10", organisation_id="1750000001", client_id="lgc")
ADMINISTRATOR = Actor(kind="administrator", id="admin-1", client_id="admin-1")

CASES = [
    (
        AccessRecorded(
            record_id=RECORD,
            actor=DOCTOR,
            action="read-document",
            outcome="refused",
            reason="blocked",
            document_id=DOCUMENT,
        ),
        ("read-document", "refused", "blocked", "professional", "899700000001"),
    ),
    (
        ClientAdministered(
            subject_id="client-1", actor=ADMINISTRATOR, action="remove-client-key", changed=("jwks",), keys=("k",)
        ),
        ("remove-client-key", "permitted", "active", "administrator", "admin-1"),
    ),
    (
        OperatorActed(actor=ADMINISTRATOR, action="scale-process", subject_id="records-api", count=3),
        ("scale-process", "permitted", None, "administrator", "admin-1"),
    ),
    (
        document_received(RECORD),
        ("deposit-document", "permitted", "received", "software", "software-1"),
    ),
    (
        DepositDecided(
            **FED, outcome="refused", reason="consent-opposed", rules_version="1", facts={}, seen={}, decided_at=NOW
        ),
        ("check-deposit", "refused", "consent-opposed", "system", "consent"),
    ),
    (
        DocumentPublished(**FED, labels=("N",), decision_id=OTHER, received_at=NOW, published_at=NOW),
        ("publish-document", "permitted", "published", "system", "records"),
    ),
    (
        DocumentRefused(**FED, reason="consent-opposed", decision_id=OTHER, refused_at=NOW),
        ("deposit-document", "refused", "consent-opposed", "software", FED["organisation_id"]),
    ),
    (AlertSent(**ALERT), ("send-alert", "sent", "mail", "system", "notify")),
    (
        DocumentRelabelled(**FED, actor=DOCTOR, change="mask", labels=("N", "MASQUE_PS"), changed_at=NOW),
        ("label-document", "permitted", "mask", "professional", "899700000001"),
    ),
    (
        DocumentRelabelled(**FED, actor=DOCTOR, change="archive", labels=("N",), archived=True, changed_at=NOW),
        ("archive-document", "permitted", "archive", "professional", "899700000001"),
    ),
    (
        DocumentWithdrawn(**FED, actor=DOCTOR, withdrawn_at=NOW),
        ("delete-document", "permitted", "deleted", "professional", "899700000001"),
    ),
    (
        DocumentReplaced(**FED, replaced_by=OTHER, actor=DOCTOR, replaced_at=NOW),
        ("replace-document", "permitted", "replaced", "professional", "899700000001"),
    ),
    (AlertFailed(**ALERT, reason="mailbox-unknown"), ("send-alert", "failed", "mailbox-unknown", "system", "notify")),
    (AlertWithheld(**ALERT, reason="invisible"), ("send-alert", "withheld", "invisible", "system", "notify")),
    (AlertUnwanted(**ALERT, reason="switched-off"), ("send-alert", "unwanted", "switched-off", "system", "notify")),
]


@pytest.mark.parametrize(("event", "expected"), CASES)
def test_an_event_says_who_did_what_with_which_outcome(event: Any, expected: tuple[str, ...]) -> None:
    received = message(event)
    entry = entry_of(received)
    assert (entry.action, entry.outcome, entry.reason, entry.actor_kind, entry.actor_id) == expected
    assert (entry.occurred_at, entry.event_id, entry.event_type) == (received.time, received.id, event.ce_type)
    about = getattr(event, "record_id", None), getattr(event, "document_id", None)
    assert (entry.record_id, entry.document_id) == about
    assert about[0] in (RECORD, None)
    assert entry.deposit_id == getattr(event, "deposit_id", None)


@pytest.mark.parametrize(("event", "expected"), CASES)
def test_nothing_of_an_event_is_lost(event: Any, expected: tuple[str, ...]) -> None:
    entry = entry_of(message(event))
    kept = entry._asdict() | orjson.loads(entry.details)
    for name, value in event.model_dump(mode="json", exclude={"actor"}, exclude_none=True).items():
        assert str(kept[name]) == str(value), name


def test_every_type_of_the_ledger_has_its_case() -> None:
    assert {type(event) for event, _ in CASES} == set(LEDGER_EVENTS)
    of_its_topics = {event for topic in AUDIT_LEDGER.topics for event in topic.events}
    assert of_its_topics == set(LEDGER_EVENTS)


def letter(key: bytes | None, **headers: Any) -> InvalidRecord:
    record = KeptRecord("records.accesses.v1", 3, 41, key, b"garbage", list(headers.items()))
    return InvalidRecord(record, "records.accesses.v1", "data-invalid")


def test_the_entry_of_a_letter_depends_on_its_place_alone() -> None:
    entry = entry_of_dead_letter(
        letter(str(RECORD).encode(), ce_time=b"2026-11-22T09:30:00+00:00", ce_id=str(OTHER).encode()), NOW
    )
    assert entry.event_id == entry_of_dead_letter(letter(None), NOW).event_id
    assert (entry.record_id, entry.occurred_at, entry.reason, entry.outcome) == (
        RECORD,
        NOW,
        "data-invalid",
        "quarantined",
    )
    assert orjson.loads(entry.details) == {
        "topic": "records.accesses.v1",
        "partition": 3,
        "offset": 41,
        "event_id": str(OTHER),
    }


@pytest.mark.parametrize(
    "time",
    [None, b"", b"\xff", b"soon", b"2026-11-22T09:30:00", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:00:00-10:00"],
)
def test_a_letter_without_a_usable_time_has_that_of_being_put_aside(time: bytes | None) -> None:
    assert entry_of_dead_letter(letter(b"\xff\x00", ce_time=time, ce_id=None), NOW)[:4:3] == (NOW, None)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = LedgerCursor(NOW, OTHER)
    assert LedgerCursor.parse(str(cursor)) == cursor
    assert LedgerCursor.parse("2026-11-22T09:30:00Z") == LedgerCursor(NOW, UUID(int=0))
    assert LedgerCursor.parse("2026-11-22T10:30:00 01:00") == LedgerCursor(NOW, UUID(int=0))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T09:30:00Z_x", "0001-01-01T00:00:00+14:00", "_", "\x00"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorInvalidError):
        LedgerCursor.parse(text)


def test_the_list_of_accesses_has_the_patient_and_representatives_as_its_readers_and_no_carers() -> None:
    assert LIST_READER_KINDS == ("patient", "representative")
