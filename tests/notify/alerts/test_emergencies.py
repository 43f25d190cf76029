"""An emergency is told at once by every channel, once a session, whatever the person prefers, and told again."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.notify.settings import FoldersSettings
from shared.contracts.base import Actor
from shared.contracts.notify import AlertEvent, AlertSent, AlertUnwanted
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.runtime import clock
from tests.infra.messaging.plumbing import value
from tests.infra.notify.gateways import opened
from tests.infra.notify.notify import consulted, contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

ALERTS = "notify.alerts.v1"
HIDDEN = "INVISIBLE_REPRESENTANTS_LEGAUX"
PUT_OFF = "insert into preferences values ('{}', false, false, now()) returning true"
EMERGENCY, FOLLOW_UP = "emergency", "emergency-follow-up"


async def ended(kafka: Topics, count: int) -> list[AlertEvent]:
    """What became of so many alerts, and of no more."""
    events = await kafka.wait_for(ALERTS, lambda events: len(events) >= count)
    assert len(events) == count
    return [message.event for message in events if isinstance(message.event, AlertEvent)]


def sent_alerts(events: list[AlertEvent]) -> list[tuple[str, str]]:
    return sorted((alert.kind, alert.channel) for alert in events if isinstance(alert, AlertSent))


@pytest.mark.parametrize(
    ("mode", "action"), [("bris_de_glace", "read-document"), ("centre_15", "find-documents")], ids=str
)
async def test_an_emergency_is_told_at_once_by_mail_and_sms_whatever_the_person_prefers(
    database: Database, kafka: Topics, folders: FoldersSettings, mode: str, action: str
) -> None:
    record_id = uuid4()
    await value(database, PUT_OFF.format(record_id))
    event = consulted(record_id, mode=mode, action=action, session_id=clock.new_id())
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id, mobile="06 99 99 00 01", language="en"))
        cause = await kafka.put(event)
        alerts = await ended(kafka, 3)
        [mail] = await server.received(1)
    [sms] = folders.sms.iterdir()
    assert sent_alerts(alerts) == [(EMERGENCY, "mail"), (EMERGENCY, "sms")]
    assert [alert.reason for alert in alerts if isinstance(alert, AlertUnwanted)] == ["told-by-mail"], (
        "of what follows by SMS"
    )
    assert {(alert.caused_by, alert.document_id) for alert in alerts} == {(cause.id, None)}
    assert "opened in an emergency" in mail["subject"]
    assert "\nDMP: a health professional has just opened your record" in opened(sms)
    assert opened(sms).startswith("To: +33699990001\n")
    assert str(event.document_id) not in str(mail) + opened(sms)
    waits = "select due_at - caused_at = interval '60 minutes' from alerts where kind = '{}' and channel = 'mail'"
    assert await value(database, waits.format(FOLLOW_UP))


async def test_each_session_is_told_of_once(database: Database, kafka: Topics, folders: FoldersSettings) -> None:
    record_id, session, later = uuid4(), clock.new_id(), clock.new_id()
    ago = clock.now() - timedelta(minutes=30)
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id, mobile="0699990001"))
        for number, session_id in enumerate((session, session, later, session)):
            event = consulted(record_id, mode="bris_de_glace", session_id=session_id)
            await kafka.put(event, occurred_at=ago + timedelta(minutes=number))
        await kafka.put(published(record_id))
        alerts = await ended(kafka, 7)
    assert sent_alerts(alerts) == [("document", "mail"), *[(EMERGENCY, "mail")] * 2, *[(EMERGENCY, "sms")] * 2]
    assert [alert.reason for alert in alerts if isinstance(alert, AlertUnwanted)] == ["told-by-mail"] * 2
    assert await value(database, "select count(*) from alerts where kind = 'emergency-follow-up'") == 4


async def test_without_a_session_a_professional_is_told_of_once_an_hour(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    hour = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    visits = [(5, "1"), (50, "1"), (51, "2"), (62, "1")]
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id))
        for minute, last_digit in visits:
            event = consulted(record_id, f"89970000000{last_digit}", mode="bris_de_glace")
            await kafka.put(event, occurred_at=hour + timedelta(minutes=minute))
        counted = "select count(*) = 3 from alerts where kind = 'emergency' and channel = 'mail' and status = 'sent'"
        assert await eventually(lambda: value(database, counted))


async def test_when_the_session_has_ended_a_mail_says_where_to_find_motive_and_what_was_read(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    event = consulted(record_id, mode="bris_de_glace", session_id=clock.new_id())
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id, language="en"))
        await kafka.put(event, occurred_at=clock.now() - timedelta(minutes=61))
        alerts = await ended(kafka, 4)
        mails = await server.received(2)
    assert sent_alerts(alerts) == [(EMERGENCY, "mail"), (FOLLOW_UP, "mail")]
    assert [alert.reason for alert in alerts if isinstance(alert, AlertUnwanted)] == ["no-mobile"] * 2
    [after] = [mail for mail in mails if "what was read" in mail["subject"]]
    body = after.get_body(("plain",))
    assert body is not None
    assert "reason that was given and what was read" in body.get_content()


async def test_who_is_reached_by_sms_alone_is_told_of_the_end_of_the_session_by_sms(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    event = consulted(record_id, mode="bris_de_glace", session_id=clock.new_id())
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id, mail=None, mobile="0699990001", language="en"))
        await kafka.put(event, occurred_at=clock.now() - timedelta(minutes=61))
        alerts = await ended(kafka, 4)
    assert sent_alerts(alerts) == [(EMERGENCY, "sms"), (FOLLOW_UP, "sms")]
    assert [alert.reason for alert in alerts if isinstance(alert, AlertUnwanted)] == ["no-address"] * 2
    texts = sorted(opened(path) for path in folders.sms.iterdir())
    assert [("has just opened" in text, "for the reason and what was read" in text) for text in texts] == [
        (True, False),
        (False, True),
    ]


async def test_the_mail_server_being_away_holds_up_no_sms(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        server.stop()
        await kafka.put(contact(record_id, mobile="0699990001"))
        await kafka.put(consulted(record_id, mode="centre_15", session_id=uuid4()))
        assert sent_alerts(await ended(kafka, 2)) == [(EMERGENCY, "sms")]


@pytest.mark.parametrize(
    "other",
    [
        {"mode": "bris_de_glace", "outcome": "refused"},
        {"mode": "bris_de_glace", "kind": "software"},
        {"mode": "bris_de_glace", "action": "open-record"},
        {"mode": "secret"},
    ],
    ids=str,
)
async def test_nothing_else_is_an_emergency(
    database: Database, kafka: Topics, folders: FoldersSettings, other: dict[str, Any]
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id, mobile="0699990001"))
        await kafka.put(consulted(record_id, **other))
        await kafka.put(consulted(record_id, "899700000007"))
        await eventually(lambda: value(database, "select count(*) > 0 from alerts where status = 'sent'"))
    assert await value(database, "select array_agg(distinct kind) from alerts") == ["consultation"]


async def test_an_emergency_takes_the_place_of_the_alert_of_a_consultation(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(contact(record_id))
        await kafka.put(consulted(record_id, mode="bris_de_glace", session_id=uuid4()))
        assert {alert.kind for alert in await ended(kafka, 3)} == {EMERGENCY, FOLLOW_UP}


async def test_an_emergency_waits_for_the_contact_but_not_for_the_document(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    recent = clock.new_id(clock.bucket_of(record_id))
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(consulted(record_id, document_id=recent, mode="bris_de_glace", session_id=uuid4()))
        await kafka.put(contact(record_id, mobile="0699990001", relation="representative"))
        assert sent_alerts(await ended(kafka, 3)) == [(EMERGENCY, "mail"), (EMERGENCY, "sms")]


def relabelled(of: DocumentPublished, *labels: str) -> DocumentRelabelled:
    """Somebody has changed who must not see it."""
    return DocumentRelabelled(
        **of.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"}),
        actor=Actor(kind="professional", id="899700000001"),
        change="show-to-representatives",
        labels=labels,
        changed_at=clock.now(),
    )


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [((HIDDEN,), (), "everybody"), ((), (HIDDEN,), "holder"), ((), ("MASQUE_PS",), "everybody")],
)
async def test_who_may_know_of_a_document_follows_its_labels_and_no_older_word(
    database: Database, kafka: Topics, first: tuple[str, ...], then: tuple[str, ...], expected: str
) -> None:
    record_id = uuid4()
    event = published(record_id, "N", *first)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(contact(record_id, relation="representative"))
        await kafka.put(event, occurred_at=clock.now() - timedelta(seconds=10))
        await kafka.put(relabelled(event, "N", *then))
        await kafka.put(event, occurred_at=clock.now() - timedelta(seconds=5))  # comes again, late
        await kafka.put(consulted(record_id, document_id=event.document_id))
        audience = "select audience from alerts where kind = 'consultation'"
        assert await eventually(lambda: value(database, audience)) == expected
