"""Further news of a record waits for the end of a window and leaves in one mail that says how much there is."""

from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notify.settings import FoldersSettings
from shared.contracts.base import Actor, Event
from shared.contracts.notify import AlertEvent, AlertSent, AlertWithheld
from shared.contracts.records import DocumentPublished, DocumentRelabelled, DocumentWithdrawn
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import MailServer, consulted, contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

WINDOW_S = 900
QUEUED = "select count(*) = {} from alerts where status = 'queued'"
SENT = "select count(*) = {} from alerts where status = 'sent'"
TIME_PASSES = """
with earlier as (update alert_windows set due_at = due_at - interval '{seconds} s')
update alerts set due_at = due_at - interval '{seconds} s', handled_at = handled_at - interval '{seconds} s'
returning true"""
SOMEBODY = Actor(kind="professional", id="899700000001")


async def pass_window(database: Database) -> None:
    """As if the window had ended: what was planned for its end is due."""
    await value(database, TIME_PASSES.format(seconds=WINDOW_S))


def body(mail: EmailMessage) -> str:
    plain = mail.get_body(("plain",))
    assert plain is not None
    return str(plain.get_content())


async def put(kafka: Topics, *events: Event) -> None:
    for event in events:
        await kafka.put(event)


async def begin(database: Database, kafka: Topics, server: MailServer, record_id: UUID, **of: Any) -> None:
    """The contact, and the first document, which is told of at once."""
    await kafka.put(contact(record_id, **of))
    await kafka.put(published(record_id))
    await server.received(len(server.mails) + 1)
    await eventually(
        lambda: value(database, f"select true from alerts where record_id = '{record_id}' and status = 'sent'")
    )


async def test_thirty_documents_are_one_mail_at_once_and_one_that_counts_the_others(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id)
        await put(kafka, *(published(record_id) for _ in range(29)))
        await eventually(lambda: value(database, QUEUED.format(29)))
        assert len(server.mails) == 1
        await pass_window(database)
        ends = await kafka.wait_for("notify.alerts.v1", lambda events: len(events) >= 30)
        assert len(server.mails) == 2
    first, gathered = server.mails
    assert "Un nouveau document a été ajouté à votre dossier" in body(first)
    assert "29 nouveaux documents ont été ajoutés à votre dossier" in body(gathered)
    assert len({end.event.alert_id for end in ends if isinstance(end.event, AlertSent)}) == 30
    sent_under = "select count(*) from alerts where status = 'sent' and '<' || {} || '@dmp.example>' = '{}'"
    under = "coalesce(sent_with, id)"
    assert await value(database, sent_under.format(under, gathered["message-id"])) == 29
    assert await value(database, sent_under.format("id", first["message-id"])) == 1
    assert await value(database, "select count(*) from alerts where sent_with is null") == 2


async def test_the_window_begins_anew_with_each_mail_and_ends_when_nothing_came(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id, language="en")
        await put(kafka, published(record_id))
        await eventually(lambda: value(database, QUEUED.format(1)))
        await pass_window(database)
        await server.received(2)
        await put(kafka, published(record_id), published(record_id))
        await eventually(lambda: value(database, QUEUED.format(2)))
        assert len(server.mails) == 2
        await pass_window(database)
        await server.received(3)
        await pass_window(database)
        await put(kafka, published(record_id))
        await server.received(4)
    lines = [body(mail).splitlines()[2] for mail in server.mails]
    single = "A new document has been added to your shared medical record."
    assert lines == [single, single, "2 new documents have been added to your shared medical record.", single]


async def test_records_and_kinds_are_gathered_apart(database: Database, kafka: Topics) -> None:
    record_id, other = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id)
        await begin(database, kafka, server, other, mail="other@mail.example")
        long_ago = int((clock.now() - timedelta(days=400)).timestamp() * 1000) << 80
        old = UUID(int=long_ago | clock.new_id(clock.bucket_of(record_id)).int & (1 << 80) - 1)
        await kafka.put(consulted(record_id, "899700000001", document_id=old))
        await server.received(3)
        for number in (2, 3):
            await kafka.put(consulted(record_id, f"89970000000{number}", document_id=old))
        await put(kafka, published(record_id), published(record_id), published(other))
        await eventually(lambda: value(database, QUEUED.format(5)))
        await pass_window(database)
        mails = (await server.received(6))[3:]
        await eventually(lambda: value(database, SENT.format(8)))
    lines = sorted((mail["to"], body(mail).splitlines()[2]) for mail in mails)
    assert lines == [
        ("other@mail.example", "Un nouveau document a été ajouté à votre dossier médical partagé."),
        ("someone@mail.example", "2 nouveaux documents ont été ajoutés à votre dossier médical partagé."),
        (
            "someone@mail.example",
            "Votre dossier médical partagé a été consulté par des professionnels de santé\xa0: "
            "2 nouvelles consultations.",
        ),
    ]
    assert len(server.mails) == 6


async def test_emergencies_are_never_gathered(database: Database, kafka: Topics, folders: FoldersSettings) -> None:
    record_id = uuid4()
    over = clock.now() - timedelta(minutes=61)  # what follows up is due, too
    async with mail_server() as server, worker(database, kafka, server.port, folders, window_s=WINDOW_S):
        await kafka.put(contact(record_id, mobile="0699990001"))
        for _ in range(3):
            event = consulted(record_id, mode="bris_de_glace", session_id=clock.new_id())
            await kafka.put(event, occurred_at=over)
        await eventually(lambda: value(database, SENT.format(9)))
    assert len(server.mails) == 6
    assert len(list(folders.sms.iterdir())) == 3


async def test_a_mail_counts_only_what_may_still_be_told(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    shown, hidden, gone = (published(record_id) for _ in range(3))
    own = published(record_id).model_copy(update={"deposited_by": "patient"})
    more = [published(record_id) for _ in range(2)]
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id, relation="representative", language="en")
        # The hidden document is the newest: it gives the mail its id and is not counted.
        await put(kafka, shown, own, gone, *more, hidden)
        await eventually(lambda: value(database, QUEUED.format(5)))
        await put(kafka, relabelled(hidden, "INVISIBLE_REPRESENTANTS_LEGAUX"), withdrawn(gone))
        changed = "select count(*) = 1 from alerts, restricted_documents where document_end is not null"
        await eventually(lambda: value(database, changed))
        await pass_window(database)
        ends = await kafka.wait_for("notify.alerts.v1", lambda events: len(events) >= 7)
    events = [end.event for end in ends if isinstance(end.event, AlertEvent)]
    kept_back = {event.document_id: event.reason for event in events if isinstance(event, AlertWithheld)}
    assert kept_back == {
        hidden.document_id: "invisible-to-representatives",
        gone.document_id: "document-withdrawn",
    }
    assert sum(isinstance(event, AlertSent) for event in events) == 4
    assert len(server.mails) == 2
    assert "3 new documents have been added to the shared medical record of a person whom" in body(server.mails[1])


async def test_nothing_leaves_when_nothing_may_be_told_any_more(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    gone = [published(record_id) for _ in range(2)]
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id)
        await put(kafka, *gone)
        await eventually(lambda: value(database, QUEUED.format(2)))
        await put(kafka, *(withdrawn(document) for document in gone))
        await eventually(lambda: value(database, "select count(*) = 2 from alerts where document_end is not null"))
        await pass_window(database)
        await eventually(lambda: value(database, "select count(*) = 2 from alerts where status = 'withheld'"))
    assert len(server.mails) == 1


async def test_what_waits_for_a_window_s_end_outlives_the_worker(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server:
        async with worker(database, kafka, server.port, window_s=WINDOW_S):
            await begin(database, kafka, server, record_id)
            await put(kafka, *(published(record_id) for _ in range(4)))
            await eventually(lambda: value(database, QUEUED.format(4)))
        await pass_window(database)
        async with worker(database, kafka, server.port, window_s=WINDOW_S):
            await server.received(2)
            await eventually(lambda: value(database, SENT.format(5)))
    assert len(server.mails) == 2
    assert "4 nouveaux documents" in body(server.mails[1])


async def test_the_end_of_a_window_is_seen_without_a_word(database: Database, kafka: Topics) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, window_s=1):
        await begin(database, kafka, server, record_id)
        await put(kafka, published(record_id), published(record_id))
        await eventually(lambda: value(database, SENT.format(3)))
        apart = "select max(handled_at) - min(handled_at) >= interval '0.9 s' from alerts"
        assert await value(database, apart)


async def test_a_sender_that_died_after_the_mail_server_s_answer_sends_the_same_mail_again(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_id = uuid4()
    async with mail_server() as server:
        async with worker(database, kafka, server.port, window_s=WINDOW_S):
            await begin(database, kafka, server, record_id)
            await put(kafka, *(published(record_id) for _ in range(3)))
            await eventually(lambda: value(database, QUEUED.format(3)))

        async def never(*_: object) -> None:
            raise OSError

        with monkeypatch.context() as patch:
            patch.setattr("services.notify.alerts.usecases.send_alerts.settle_alerts", never)
            await pass_window(database)
            async with worker(database, kafka, server.port, window_s=WINDOW_S):
                await server.received(2)
        held = "select count(*) = 3 from alerts where status = 'queued' and due_at > now()"
        assert await value(database, held)
        await value(database, "update alerts set due_at = now() where status = 'queued' returning true")
        async with worker(database, kafka, server.port, window_s=WINDOW_S):
            await eventually(lambda: value(database, SENT.format(4)))
    assert len(server.mails) == 3
    _, once, again = server.mails
    assert once["message-id"] == again["message-id"]
    assert body(once) == body(again)


async def test_a_gathered_mail_that_is_put_off_stays_one_mail(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.domain.retry_delay", lambda _: timedelta(seconds=0.01))
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, window_s=WINDOW_S):
        await begin(database, kafka, server, record_id)
        server.answer = lambda _, attempt: "451 later" if attempt < 4 else "250 OK"
        await put(kafka, *(published(record_id) for _ in range(3)))
        await eventually(lambda: value(database, QUEUED.format(3)))
        await pass_window(database)
        await eventually(lambda: value(database, SENT.format(4)))
    assert len(server.mails) == 2
    assert await value(database, "select min(attempts) = 3 and max(attempts) = 3 from alerts where attempts > 1")


async def test_a_document_that_comes_again_moves_no_window(new_pool: Any) -> None:
    pool = await new_pool("notify")
    record_id, start = uuid4(), clock.now()
    document = published(record_id)
    await raised(pool, start, contact(record_id), document)
    before = await pool.fetchval("select due_at from alert_windows")
    await raised(pool, start + timedelta(seconds=5), None, document)
    assert await pool.fetchval("select due_at from alert_windows") == before
    await raised(pool, start + timedelta(seconds=6), None, published(record_id))
    assert await pool.fetchval("select due_at from alert_windows") == before + timedelta(seconds=WINDOW_S)


async def test_two_senders_never_split_one_mail_nor_take_what_is_being_added(new_pool: Any) -> None:
    from services.notify.alerts.store.alert_queue import AlertQueue, take_due

    pool = await new_pool("notify")
    record_id, now = uuid4(), clock.now()
    await raised(pool, now, contact(record_id), *(published(record_id) for _ in range(5)))
    queue, later = AlertQueue("mail", is_emergency=False), now + timedelta(minutes=1)
    async with pool.acquire() as adding, transaction(pool) as sending, transaction(pool) as other:
        async with adding.transaction():
            await adding.execute("select from alert_windows for update")
            assert await take_due(sending, queue, later, 2, later) == []
        assert len(await take_due(sending, queue, later, 2, later)) == 5
        assert await take_due(other, queue, later, 2, later) == []


async def raised(pool: Pool, at: datetime, of: Any, *documents: DocumentPublished) -> None:
    """As if the consumer had heard of these at that time."""
    from unittest.mock import patch

    from services.notify.alerts.steps.alert_documents import alert_documents
    from services.notify.contacts.steps import keep_contacts
    from tests.infra.messaging.messages import message
    from tests.infra.notify.notify import KEYRING

    window = timedelta(seconds=WINDOW_S)
    with patch("services.notify.alerts.steps.decide_alerts.clock.now", lambda: at):
        async with transaction(pool) as connection:
            if of is not None:
                await keep_contacts(connection, [message(of)])
            messages = [message(document) for document in documents]
            await alert_documents(connection, messages, keyring=KEYRING, window=window)


def relabelled(of: DocumentPublished, *labels: str) -> DocumentRelabelled:
    made = {**_common(of), "actor": SOMEBODY, "change": "hide-from-patient", "labels": ("N", *labels)}
    return DocumentRelabelled.model_validate({**made, "version": 2, "changed_at": clock.now()})


def withdrawn(of: DocumentPublished) -> DocumentWithdrawn:
    return DocumentWithdrawn.model_validate({**_common(of), "actor": SOMEBODY, "withdrawn_at": clock.now()})


def _common(of: DocumentPublished) -> dict[str, object]:
    return of.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})
