"""One message's trouble is its own; what is urgent waits for nothing; a key that is missing stops and loses nothing."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.notify.alerts.adapters import outgoing_alert
from services.notify.messages.steps import enqueue_messages
from services.notify.settings import FoldersSettings
from shared.contracts.base import sealed_place
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import transaction
from shared.runtime import clock
from tests.conftest import NewPool
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import (
    KEYRING_TEXT,
    NEXT_KEYRING,
    NEXT_KEYRING_TEXT,
    MailServer,
    consulted,
    contact,
    mail_server,
    published,
    requested,
    worker,
)
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

BAD = "blocked@isp.example"
CODE: dict[str, Any] = {"code": "123456", "minutes": "10"}
TRIED = "select attempts > 0 from alerts where record_id = '{}'"


async def stalled(server: MailServer, count: int) -> None:
    """Waits until so many connections hang in the server."""

    async def enough() -> bool:
        return server.waiting >= count

    await eventually(enough)


async def everybody_but(database: Database, kafka: Topics, bad: UUID, server: MailServer) -> None:
    """After a first try on `bad`, three others get their mails while it backs off by itself."""
    await kafka.put(contact(bad, BAD))
    await kafka.put(published(bad))
    await eventually(lambda: value(database, TRIED.format(bad)))
    for number in range(3):
        other = uuid4()
        await kafka.put(contact(other, f"good{number}@mail.example"))
        await kafka.put(published(other))
    assert len(await server.received(3)) == 3
    backs_off = f"select status = 'queued' and due_at > now() from alerts where record_id = '{bad}'"
    await eventually(lambda: value(database, backs_off))


@pytest.mark.parametrize("answer", ["421 4.7.0 too many recipients, try later", "451 4.7.1 greylisted"])
async def test_what_a_server_says_of_one_recipient_holds_up_nobody_else(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr("services.notify.delivery.steps.delivery_loop.MAX_PAUSE_S", 3600.0)  # a pause would be seen
    async with mail_server() as server, worker(database, kafka, server.port):
        server.answer = lambda recipient, _: answer if recipient == BAD else "250 OK"
        bad = uuid4()
        await everybody_but(database, kafka, bad, server)
        assert await value(database, f"select reason from alerts where record_id = '{bad}'") == f"smtp-{answer[:3]}"


async def test_a_connection_that_is_cut_because_of_one_message_holds_up_nobody_else(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.steps.delivery_loop.MAX_PAUSE_S", 3600.0)
    async with mail_server() as server, worker(database, kafka, server.port):
        server.cut.add(BAD)
        bad = uuid4()
        await everybody_but(database, kafka, bad, server)
        assert await value(database, f"select reason from alerts where record_id = '{bad}'") == "connection-lost"


async def test_a_slow_recipient_holds_one_connection_and_nobody_else(database: Database, kafka: Topics) -> None:
    slow = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, connections=2, timeout_s=20):
        server.stalled.add("slow@isp.example")
        await kafka.put(contact(slow, "slow@isp.example"))
        await kafka.put(published(slow))
        await stalled(server, 1)
        for number in range(12):
            other = uuid4()
            await kafka.put(contact(other, f"good{number}@mail.example"))
            await kafka.put(published(other))
        await server.received(12)
        sent = "select count(*) = 12 from alerts where status = 'sent'"
        await eventually(lambda: value(database, sent))
        assert server.waiting == 1, "the slow one is still being tried"


async def test_an_emergency_goes_out_while_all_other_connections_are_busy_and_much_is_queued(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    slow, urgent = uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders, connections=1, timeout_s=20):
        server.stalled |= {"slow@isp.example", "notice@isp.example", "code@isp.example"}
        await kafka.put(contact(slow, "slow@isp.example"))
        for _ in range(20):
            await kafka.put(published(slow))
        for _ in range(20):
            await kafka.put(requested("notice@isp.example", "password-changed"))
        await kafka.put(requested("code@isp.example", **CODE))
        await stalled(server, 3)
        await kafka.put(contact(urgent, "urgent@mail.example", mobile="0699990001"))
        await kafka.put(consulted(urgent, mode="bris_de_glace", session_id=clock.new_id()))
        [mail] = await server.received(1)
        assert mail["to"] == "urgent@mail.example"
        sent = "select count(*) = 2 from alerts where kind = 'emergency' and status = 'sent'"
        await eventually(lambda: value(database, sent))
        assert server.waiting == 3, "everything else still hangs"
    assert len(list(folders.sms.iterdir())) == 1


async def test_a_code_overtakes_the_notices_that_wait(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    async with mail_server() as server, worker(database, kafka, server.port, folders, connections=1):
        server.delay_s = 0.1
        for _ in range(60):
            await kafka.put(requested("notice@mail.example", "password-changed"))
        await server.received(1)
        await kafka.put(requested("code@mail.example", **CODE))
        await server.received(61)
    place = [mail["to"] for mail in server.mails].index("code@mail.example")
    assert place < 50, f"it left as number {place}"


async def test_a_message_that_fails_in_a_way_of_its_own_backs_off_and_holds_up_nobody(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:

    def failing(alert: Any, of: Any, *more: Any) -> Any:
        if of.mail == BAD:
            raise LookupError
        return outgoing_alert(alert, of, *more)

    monkeypatch.setattr("services.notify.alerts.usecases.send_alerts.outgoing_alert", failing)
    async with mail_server() as server, worker(database, kafka, server.port, connections=1):
        bad = uuid4()
        await everybody_but(database, kafka, bad, server)
        assert await value(database, f"select reason from alerts where record_id = '{bad}'") == "attempt-failed"


async def test_an_alert_whose_contact_waits_for_its_key_stops_no_other_and_is_sent_once_the_key_is_there(
    database: Database, kafka: Topics
) -> None:
    record_id, other = uuid4(), uuid4()
    async with mail_server() as server:
        server.stop()
        async with worker(database, kafka, server.port):
            await kafka.put(contact(record_id))
            await kafka.put(published(record_id))
            await eventually(lambda: value(database, "select count(*) = 1 from alerts where status = 'queued'"))
            await kafka.put(contact(record_id, "new@mail.example", version=2, keyring=NEXT_KEYRING))
            await eventually(lambda: value(database, "select version = 2 from contacts"))
            await kafka.put(contact(other, "other@mail.example"))
            await kafka.put(published(other))
            await server.start()
            waits = f"select reason = 'key-unknown' from alerts where record_id = '{record_id}'"
            await eventually(lambda: value(database, waits))
            assert [mail["to"] for mail in await server.received(1)] == ["other@mail.example"]
        late = (
            "update alerts set created_at = created_at - interval '3 days', due_at = now() where status = 'queued' {}"
        )
        assert await value(database, late.format("returning attempts")) == 0
        async with worker(database, kafka, server.port):
            again = "select due_at > now() from alerts where status = 'queued'"
            await eventually(lambda: value(database, again))
        await value(database, late.format("returning true"))
        async with worker(database, kafka, server.port, keyring=f"{KEYRING_TEXT},{NEXT_KEYRING_TEXT}"):
            await server.received(2)
    assert server.mails[1]["to"] == "new@mail.example"


async def test_a_request_under_an_unknown_key_is_no_dead_letter(new_pool: NewPool) -> None:
    from tests.infra.notify.notify import KEYRING, SENDER

    pool = await new_pool("notify")
    event = requested("someone@mail.example", **CODE)
    other = event.model_copy(
        update={"sealed": NEXT_KEYRING.encrypt_jwe(b"{}", sealed_place("request", event.request_id))}
    )
    async with transaction(pool) as connection:
        with pytest.raises(KeyUnknownError):
            await enqueue_messages(connection, [message(other)], keyring=KEYRING, sender=SENDER)


async def test_what_was_sent_is_written_down_when_the_worker_stops(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "services.notify.delivery.steps.delivery_loop.SETTLE_LINGER_S", 3600.0
    )  # as long as the slow one hangs
    slow = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, connections=2, timeout_s=20):
        server.stalled.add("slow@isp.example")
        await kafka.put(contact(slow, "slow@isp.example"))
        await kafka.put(published(slow))
        await stalled(server, 1)
        other = uuid4()
        await kafka.put(contact(other))
        await kafka.put(published(other))
        await server.received(1)
    assert await value(database, f"select status from alerts where record_id = '{other}'") == "sent"
