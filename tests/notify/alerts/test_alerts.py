"""From an event to a mail and to the word of what became of it."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.notify.alerts.usecases import settle_alerts
from shared.contracts.base import Event
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.messaging.envelope import Message
from shared.runtime import clock, tracing
from shared.runtime.clock import bucket_of
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import consulted, contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
ALERTS = "notify.alerts.v1"


async def ends(kafka: Topics, count: int) -> list[Message[Event]]:
    """What became of so many alerts."""
    return await kafka.wait_for(ALERTS, lambda events: len(events) >= count)


def deliveries(outcome: str) -> float:
    """How many alerts of documents had this outcome by mail."""
    labels = {"kind": "document", "channel": "mail", "outcome": outcome}
    return REGISTRY.get_sample_value("notify_deliveries_total", labels) or 0


def only(events: list[Message[Event]]) -> AlertEvent:
    [message] = events
    assert isinstance(message.event, AlertEvent)
    return message.event


async def test_a_new_document_becomes_a_mail_and_the_word_that_it_was_sent(database: Database, kafka: Topics) -> None:
    record_id, before = uuid4(), deliveries("sent")
    event = published(record_id)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, "someone@mail.example", language="en"))
        announcement = await kafka.put(event, trace=TRACE)
        [mail] = await server.received(1)
        [sent] = await ends(kafka, 1)
    alert_event = only([sent])
    assert deliveries("sent") == before + 1
    assert isinstance(alert_event, AlertSent)
    assert (alert_event.record_id, alert_event.document_id, alert_event.deposit_id) == (
        record_id,
        event.document_id,
        event.deposit_id,
    )
    assert (alert_event.kind, alert_event.caused_by) == ("document", announcement.id)
    assert mail["to"] == "someone@mail.example"
    assert "shared medical record" in mail["subject"]
    assert mail["message-id"] == f"<{alert_event.alert_id}@dmp.example>"
    assert tracing.trace_id(mail["traceparent"]) == tracing.trace_id(sent.trace) == tracing.trace_id(TRACE)


async def test_a_mail_leaves_right_after_the_alert_is_kept(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.delivery_loop.POLL_S", 3600)  # no loop polls unless it is woken
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        await server.received(1)
        for number in range(2, 5):
            await kafka.put(published(record_id))
            await server.received(number)
        assert server.connections == 1


async def test_a_document_whose_contact_is_not_here_yet_waits_for_it(database: Database, kafka: Topics) -> None:
    record_id, other = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(published(record_id))
        await kafka.put(contact(other, "other@mail.example"))
        await kafka.put(published(other))
        assert [mail["to"] for mail in await server.received(1)] == ["other@mail.example"]
        await kafka.put(contact(record_id, "late@mail.example"))
        assert [mail["to"] for mail in await server.received(2)] == ["other@mail.example", "late@mail.example"]


async def test_an_event_that_comes_again_tells_nobody_again(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    event, access = published(record_id), consulted(record_id)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        for _ in range(3):  # each time as an event of its own: the document is the same
            await kafka.put(event)
        for _ in range(2):
            await kafka.put(access)
        await ends(kafka, 2)
        await kafka.put(published(record_id))
        events = await ends(kafka, 3)
    assert len(events) == len(server.mails) == 3


@pytest.mark.parametrize(
    ("labels", "relation", "reason"),
    [
        (("N", "INVISIBLE_PATIENT"), "holder", "invisible-to-patient"),
        (("N", "INVISIBLE_PATIENT"), "representative", "invisible-to-patient"),
        (("N", "INVISIBLE_REPRESENTANTS_LEGAUX"), "representative", "invisible-to-representatives"),
        (("N", "INVISIBLE_REPRESENTANTS_LEGAUX"), "holder", None),
    ],
)
async def test_nobody_is_told_of_what_is_invisible_to_them(
    database: Database, kafka: Topics, labels: tuple[str, ...], relation: str, reason: str | None
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, relation=relation))
        await kafka.put(published(record_id, *labels))
        alert_event = only(await ends(kafka, 1))
    if reason is None:
        assert isinstance(alert_event, AlertSent)
    else:
        assert isinstance(alert_event, AlertWithheld)
        assert alert_event.reason == reason
        assert not server.mails


async def test_a_person_without_an_address_is_not_told(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, None))
        await kafka.put(published(record_id))
        alert_event = only(await ends(kafka, 1))
    assert isinstance(alert_event, AlertUnwanted)
    assert alert_event.reason == "no-address"
    assert not server.mails


async def test_what_somebody_deposited_is_no_news_to_them(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id).model_copy(update={"deposited_by": "patient"}))
        await kafka.put(published(record_id).model_copy(update={"deposited_by": "carer"}))
        alert_events = [message.event for message in await ends(kafka, 2)]
        assert len(await server.received(1)) == 1
    assert {getattr(event, "reason", "sent") for event in alert_events} == {"own-deposit", "sent"}


async def test_an_older_contact_does_not_replace_a_newer_one(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    newer = contact(record_id, "new@mail.example", version=2)
    async with mail_server() as server, worker(database, kafka, server.port):
        for event in (newer, contact(record_id, "old@mail.example", version=1)):
            await kafka.put(event)
        await kafka.put(published(record_id))
        [mail] = await server.received(1)
    assert mail["to"] == "new@mail.example"
    assert await value(database, "select sealed from contacts") == newer.sealed


async def test_a_consultation_is_told_once_a_day_for_each_professional(database: Database, kafka: Topics) -> None:
    record_id, now = uuid4(), clock.now()
    hours = [(0, "1"), (1, "1"), (2, "2"), (25, "1"), (30, "1"), (49.5, "1")]
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        for hour, last_digit in hours:
            at = now - timedelta(hours=60 - hour)
            await kafka.put(consulted(record_id, f"89970000000{last_digit}"), occurred_at=at)
        await kafka.put(published(record_id))
        events = await ends(kafka, 5)
        assert len(await server.received(5)) == 5
    assert sorted(m.event.kind for m in events if isinstance(m.event, AlertEvent)) == ["consultation"] * 4 + [
        "document"
    ]


async def test_only_a_professional_s_reading_is_a_consultation(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    others = [
        consulted(record_id, outcome="refused"),
        consulted(record_id, kind="patient", professional_id=str(record_id)),
        consulted(record_id, kind="software", professional_id="software-1"),
        consulted(record_id, action="find-documents"),
        consulted(uuid4(), action="open-record"),  # nothing waits for the contact of a record that is opened
    ]
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        for event in others:
            await kafka.put(event)
        await kafka.put(consulted(record_id))
        alert_event = only(await ends(kafka, 1))
        await server.received(1)
        lag = "select count(*) from parked_messages"
        assert await value(database, lag) == 0
    assert alert_event.kind == "consultation"
    assert len(server.mails) == 1


async def test_a_parent_is_not_told_of_the_consultation_of_what_is_invisible_to_parents(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    hidden, shown = published(record_id, "N", "INVISIBLE_REPRESENTANTS_LEGAUX"), published(record_id)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, relation="representative"))
        # The consultation is heard of before the document: it waits, since only the document says who may know.
        await kafka.put(consulted(record_id, document_id=hidden.document_id))
        await kafka.put(consulted(record_id, document_id=shown.document_id))
        await kafka.put(hidden)
        await kafka.put(shown)
        events = await ends(kafka, 4)
        await server.received(2)
    ended: list[tuple[str, type, UUID | None]] = [
        (m.event.kind, type(m.event), m.event.document_id) for m in events if isinstance(m.event, AlertEvent)
    ]
    expected: list[tuple[str, type, UUID | None]] = [
        ("document", AlertWithheld, hidden.document_id),
        ("document", AlertSent, shown.document_id),
        ("consultation", AlertWithheld, hidden.document_id),
        ("consultation", AlertSent, shown.document_id),
    ]
    assert sorted(ended, key=str) == sorted(expected, key=str)


async def test_a_consultation_of_an_old_document_does_not_wait_for_it(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    made = int((clock.now() - timedelta(days=400)).timestamp() * 1000)
    fresh = clock.new_id(bucket_of(record_id))
    old = UUID(int=made << 80 | fresh.int & (1 << 80) - 1)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        await kafka.put(consulted(record_id, document_id=old))
        assert len(await server.received(1)) == 1


async def test_nothing_that_is_kept_or_told_names_an_address(
    database: Database, kafka: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    record_id, address = uuid4(), "very.private@mail.example"
    async with mail_server() as server, worker(database, kafka, server.port):
        server.answer = lambda _, attempt: "450 very.private@mail.example greylisted" if attempt == 1 else "250 OK"
        await kafka.put(contact(record_id, address))
        await kafka.put(contact(uuid4(), "elsewhere"))
        await kafka.put(published(record_id))
        await eventually(lambda: value(database, "select attempts = 1 from alerts"))
        stored = await value(database, "select string_agg(alerts::text || contacts::text, ' ') from alerts, contacts")
        raw = [record.value for record in await kafka.read_raw(ALERTS)]
    captured = capsys.readouterr()
    assert "mail.deferred" in captured.out
    assert "private" not in stored
    assert not any("private" in text for text in (captured.out, captured.err))
    assert not any(b"private" in text for text in raw)


async def test_a_refused_address_fails_at_once(database: Database, kafka: Topics) -> None:
    record_id, other = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        server.answer = lambda address, _: "550 no such mailbox" if address.startswith("gone") else "250 OK"
        await kafka.put(contact(record_id, "gone@mail.example"))
        await kafka.put(contact(other, "there@mail.example"))
        await kafka.put(published(record_id))
        alert_event = only(await ends(kafka, 1))
        await kafka.put(published(other))
        await server.received(1)
    assert isinstance(alert_event, AlertFailed)
    assert alert_event.reason == "smtp-550"


async def test_an_address_that_no_mail_can_be_sent_to_fails_at_once(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, "x@mail.example\r\nBcc: y@mail.example"))
        await kafka.put(published(record_id))
        alert_event = only(await ends(kafka, 1))
    assert isinstance(alert_event, AlertFailed)
    assert alert_event.reason == "address-unusable"
    assert not server.mails


async def test_a_message_that_is_put_off_is_tried_again(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "services.notify.delivery.domain.retry_delay", lambda attempts: timedelta(seconds=0.01 * attempts)
    )
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        server.answer = lambda _, attempt: "451 later" if attempt < 3 else "250 OK"
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        alert_event = only(await ends(kafka, 1))
    assert isinstance(alert_event, AlertSent)
    assert await value(database, "select attempts from alerts") == 3
    assert len(server.mails) == 1


async def test_what_could_not_be_delivered_for_two_days_has_failed(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        server.answer = lambda _address, _attempt: "451 later"
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        await eventually(lambda: value(database, "select attempts = 1 from alerts"))
        old = "update alerts set created_at = created_at - interval '49 hours', due_at = now() returning true"
        await value(database, old)
        alert_event = only(await ends(kafka, 1))
    assert isinstance(alert_event, AlertFailed)
    assert alert_event.reason == "not-delivered-in-time"


async def test_a_dead_mail_server_holds_no_partition_and_is_found_again(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.delivery_loop.MAX_PAUSE_S", 0.2)
    record_id, mute = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        server.stop()
        await kafka.put(contact(record_id))
        await kafka.put(contact(mute, None))
        for _ in range(100):
            await kafka.put(published(record_id))
        await kafka.put(published(mute))  # nobody is notified: its end is announced although 100 messages wait
        await ends(kafka, 1)
        await eventually(lambda: value(database, "select count(*) = 100 from alerts where status = 'queued'"))
        await server.start()
        await ends(kafka, 101)
    assert len(server.mails) == 100
    assert len({mail["message-id"] for mail in server.mails}) == 100


async def test_a_slow_mail_server_holds_no_partition_and_gets_a_few_connections(
    database: Database, kafka: Topics
) -> None:
    record_id, mute = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, connections=3):
        server.delay_s = 0.3
        await kafka.put(contact(record_id))
        await kafka.put(contact(mute, None))
        for _ in range(30):
            await kafka.put(published(record_id))
        await eventually(lambda: value(database, "select count(*) = 30 from alerts"))
        await kafka.put(published(mute))
        await eventually(lambda: value(database, "select count(*) = 1 from alerts where status = 'unwanted'"))
        assert len(server.mails) < 30
        await ends(kafka, 31)
    assert len({mail["message-id"] for mail in server.mails}) == len(server.mails) == 30
    assert 1 < server.connections <= 3


async def test_a_server_that_does_not_answer_is_given_up_after_its_time(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, timeout_s=0.3):
        server.delay_s = 30
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        assert await eventually(
            lambda: value(database, "select attempts = 1 and reason = 'connection-lost' from alerts")
        )


async def test_a_crash_before_the_commit_sends_again_under_the_same_message_id(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_id = uuid4()

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async with mail_server() as server:
        with monkeypatch.context() as patch:
            patch.setattr("services.notify.alerts.sender.settle_alerts", never)
            async with worker(database, kafka, server.port):
                await kafka.put(contact(record_id))
                await kafka.put(published(record_id))
                await server.received(1)
        held = "select due_at > created_at + interval '5 seconds' from alerts where status = 'queued'"
        assert await value(database, held)
        await value(database, "update alerts set due_at = now() returning true")
        async with worker(database, kafka, server.port):
            alert_event = only(await ends(kafka, 1))
    assert [mail["message-id"] for mail in server.mails] == [f"<{alert_event.alert_id}@dmp.example>"] * 2


async def test_a_lost_database_between_answer_and_commit_does_not_send_twice(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_id = uuid4()
    failures = iter([OSError(), OSError()])

    async def failing(*arguments: object) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await settle_alerts.settle_alerts(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.notify.alerts.sender.settle_alerts", failing)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        assert isinstance(only(await ends(kafka, 1)), AlertSent)
    assert len(server.mails) == 1


async def test_what_is_long_past_is_forgotten_and_what_waits_is_kept(database: Database, kafka: Topics) -> None:
    from services.notify.alerts.usecases.forget_alerts import forget_alerts

    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port) as runtime:
        await kafka.put(contact(record_id))
        await kafka.put(published(record_id))
        await kafka.put(consulted(record_id))
        await ends(kafka, 2)
        await forget_alerts(runtime.pool)
        assert await value(database, "select count(*) from alerts") == 2
        past = "update alerts set handled_at = handled_at - interval '64 days' where kind = 'document' returning true"
        await value(database, past)
        await value(
            database, "update consultation_windows set opened_at = opened_at - interval '64 days' returning true"
        )
        assert not await forget_alerts(runtime.pool)
    assert await value(database, "select string_agg(kind, ',') from alerts") == "consultation"
    assert await value(database, "select count(*) from consultation_windows") == 0
