"""From a sealed request to a mail, an SMS or a letter, and to nothing personal that remains."""

import asyncio
import os
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from services.notify.messages.store import delete_messages_of
from services.notify.messages.usecases import settle_messages
from services.notify.messages.usecases.forget_messages import forget_messages
from services.notify.settings import FoldersSettings
from shared.contracts.base import sealed_place
from shared.contracts.notify import MessageRequested
from shared.db.pool import transaction
from shared.runtime import clock, tracing
from tests.infra.messaging.plumbing import value
from tests.infra.notify.gateways import opened
from tests.infra.notify.notify import KEYRING, contact, mail_server, published, requested, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
HOME = ["Camille EXEMPLE", "1 rue de l'Essai", "75001 PARIS"]
CODE: dict[str, Any] = {"code": "123456", "minutes": "10"}


async def all_are(database: Database, status: str, count: int = 1) -> None:
    """Waits until so many messages have come to this end."""
    await eventually(lambda: value(database, f"select count(*) = {count} from messages where status = '{status}'"))


async def dead(database: Database, count: int = 1) -> list[str]:
    """The codes of so many dead letters."""
    codes = "select array_agg(error_code order by error_code) from parked_messages where reason = 'dead'"
    await eventually(lambda: value(database, f"select count(*) = {count} from parked_messages where reason = 'dead'"))
    error_codes: list[str] = await value(database, codes)
    return error_codes


def counted(channel: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("notify_messages_total", {"channel": channel, "outcome": outcome}) or 0


async def test_a_code_leaves_by_mail_with_its_trace(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    event = requested("someone@mail.example", language="en", record_id=uuid4(), **CODE)
    before = counted("mail", "sent")
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(event, trace=TRACE)
        [mail] = await server.received(1)
        await all_are(database, "sent")
    assert mail["to"] == "someone@mail.example"
    assert mail["subject"] == "Your sign-in code"
    assert mail["message-id"] == f"<{event.request_id}@dmp.example>"
    assert tracing.trace_id(mail["traceparent"]) == tracing.trace_id(TRACE)
    body = mail.get_body(("plain",))
    assert body is not None
    assert "123 456" in body.get_content()
    assert counted("mail", "sent") == before + 1


async def test_a_code_leaves_by_sms_as_one_file(database: Database, kafka: Topics, folders: FoldersSettings) -> None:
    event = requested("06 99 99 00 01", channel="sms", **CODE)
    async with worker(database, kafka, 1, folders):
        await kafka.put(event)
        await all_are(database, "sent")
    [path] = folders.sms.iterdir()
    assert path.name == f"{event.request_id}.p7m"
    assert path.stat().st_mode & 0o777 == 0o600
    assert opened(path) == (
        "To: +33699990001\n\nDMP : votre code de connexion est 123 456, valable 10 minutes."
        " Ne le communiquez à personne.\n"
    )


async def test_a_letter_begins_with_the_lines_of_the_address(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    event = requested(HOME, "activation-code", "letter", code="12345678", valid_until="2027-01-31", record_id=uuid4())
    async with worker(database, kafka, 1, folders):
        await kafka.put(event)
        await all_are(database, "sent")
    [path] = folders.letters.iterdir()
    text = opened(path)
    assert text.startswith("Camille EXEMPLE\n1 rue de l'Essai\n75001 PARIS\n\n")
    assert "1234 5678" in text
    assert "31 janvier 2027" in text


async def test_a_request_is_sent_once_however_often_it_comes(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    request_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        for _ in range(3):  # each time an event of its own, sealed anew
            await kafka.put(requested("someone@mail.example", request_id=request_id, **CODE))
        await all_are(database, "sent")
        await kafka.put(requested("someone@mail.example", request_id=request_id, **CODE))
        await kafka.put(requested("other@mail.example", **CODE))
        await all_are(database, "sent", 2)
    assert [mail["to"] for mail in server.mails] == ["someone@mail.example", "other@mail.example"]


async def test_what_has_expired_is_not_sent(database: Database, kafka: Topics, folders: FoldersSettings) -> None:
    past, later = clock.now() - timedelta(seconds=1), clock.now() + timedelta(hours=1)
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(requested("late@mail.example", expires_at=past, **CODE))
        await kafka.put(requested("0699990001", channel="sms", expires_at=past, **CODE))
        await kafka.put(requested("intime@mail.example", expires_at=later, **CODE))
        await all_are(database, "expired", 2)
        await all_are(database, "sent")
    assert [mail["to"] for mail in server.mails] == ["intime@mail.example"]
    assert not list(folders.sms.iterdir())


async def test_a_code_expires_while_the_mail_server_is_away(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.steps.delivery_loop.MAX_PAUSE_S", 0.1)
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        server.stop()
        soon = clock.now() + timedelta(seconds=2)
        await kafka.put(requested("someone@mail.example", expires_at=soon, **CODE))
        await all_are(database, "expired")
        await server.start()
        await kafka.put(requested("other@mail.example", **CODE))
        await server.received(1)
    assert [mail["to"] for mail in server.mails] == ["other@mail.example"]


async def test_a_message_waits_for_the_mail_server_while_sms_and_letters_leave(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.steps.delivery_loop.MAX_PAUSE_S", 0.2)
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        server.stop()
        for number in range(30):
            await kafka.put(requested(f"m{number}@mail.example", **CODE))
        await kafka.put(requested("0699990001", channel="sms", **CODE))
        await kafka.put(requested(HOME, "record-opened", "letter"))
        await all_are(database, "sent", 2)
        await all_are(database, "queued", 30)
        await server.start()
        await all_are(database, "sent", 32)
    assert len(server.mails) == 30


async def test_a_refused_address_fails_and_a_put_off_one_is_tried_again(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "services.notify.delivery.domain.retry_delay", lambda attempts: timedelta(seconds=0.01 * attempts)
    )
    answers = {"gone@mail.example": "550 no such mailbox"}
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        server.answer = lambda address, n: answers.get(address) or ("451 later" if n < 3 else "250 OK")
        await kafka.put(requested("gone@mail.example", **CODE))
        await kafka.put(requested("busy@mail.example", **CODE))
        await all_are(database, "sent")
        await all_are(database, "failed")
    assert await value(database, "select reason from messages where status = 'failed'") == "smtp-550"
    assert await value(database, "select attempts from messages where status = 'sent'") == 3


@pytest.mark.parametrize(
    ("channel", "to"),
    [
        ("mail", "x@mail.example\r\nBcc: y@mail.example"),
        ("sms", "0699990001\nTo: +33600000000"),
        ("sms", "01"),
        ("letter", ["Camille EXEMPLE\x1b[2J"]),
        ("letter", ["line"] * 8),
        ("letter", [" "]),
    ],
)
async def test_an_address_that_nothing_can_be_sent_to_fails_at_once(
    database: Database, kafka: Topics, folders: FoldersSettings, channel: str, to: str | list[str]
) -> None:
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(requested(to, "password-changed", channel))
        await all_are(database, "failed")
    assert await value(database, "select reason from messages") == "address-unusable"
    assert not server.mails
    assert not list(folders.sms.iterdir()) + list(folders.letters.iterdir())


async def test_a_folder_that_is_missing_is_waited_for(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notify.delivery.steps.delivery_loop.MAX_PAUSE_S", 0.1)
    folders.sms.rmdir()
    async with worker(database, kafka, 1, folders):
        await kafka.put(requested("0699990001", channel="sms", **CODE))
        await eventually(lambda: value(database, "select reason = 'folder-unavailable' from messages"))
        folders.sms.mkdir()
        await all_are(database, "sent")
    assert await value(database, "select attempts from messages") == 1, "an absent folder counts no try"


async def test_what_cannot_be_used_is_a_dead_letter_and_holds_nothing_up(
    database: Database, kafka: Topics, folders: FoldersSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    record_id = uuid4()

    def sealed(text: bytes | str) -> MessageRequested:
        event = requested("x@mail.example", record_id=record_id)
        place = sealed_place("request", event.request_id)
        made = text if isinstance(text, str) else KEYRING.encrypt_jwe(text, place)
        return event.model_copy(update={"sealed": made})

    bad = [
        requested("private@mail.example", "horoscope", record_id=record_id),
        requested("private@mail.example", "sign-in-code", record_id=record_id, code="123456"),
        requested("private@mail.example", record_id=record_id, code="12\r\nBcc: private@mail.example", minutes="10"),
        requested("0699990001", "opening-notice", "sms", record_id=record_id),
        requested("private@mail.example", record_id=record_id, **CODE).model_copy(update={"channel": "letter"}),
        sealed("not.a.sealed.private.body"),
        sealed(b"private, no JSON"),
        sealed(b'{"to": {"mail": 1}, "language": "de", "values": {"private": "private"}}'),
    ]
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        for event in bad:
            await kafka.put(event)
        await kafka.put(requested("someone@mail.example", record_id=record_id, **CODE))
        [mail] = await server.received(1)
        codes = await dead(database, len(bad))
        await all_are(database, "sent")
    assert mail["to"] == "someone@mail.example"
    assert codes == [
        "message-kind-unknown",
        "message-kind-unknown",
        "message-values-unfit",
        "message-values-unfit",
        "request-seal-broken",
        "request-unreadable",
        "request-unreadable",
        "request-unreadable",
    ]
    assert "private" not in "".join(capsys.readouterr())


async def test_nothing_personal_is_kept_or_logged_once_it_is_handled(
    database: Database, kafka: Topics, folders: FoldersSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    record_id = uuid4()
    gone = clock.now() - timedelta(seconds=1)
    requests = [
        requested("very.private@mail.example", record_id=record_id, code="987654", minutes="10"),
        requested("refused.private@mail.example", record_id=record_id, code="987654", minutes="10"),
        requested("late.private@mail.example", record_id=record_id, expires_at=gone, code="987654", minutes="10"),
        requested("0699998877", channel="sms", record_id=record_id, code="987654", minutes="10"),
        requested(["Private PERSON"], "carer-invitation", "letter", code="987654", valid_until="2027-01-31"),
    ]
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        server.answer = lambda address, _: "550 very.private" if "refused" in address else "250 OK"
        for event in requests:
            await kafka.put(event)
        await eventually(lambda: value(database, "select count(*) = 5 from messages where handled_at is not null"))
        assert await value(database, "select count(*) from messages where sealed is not null") == 0
        stored = await value(database, "select string_agg(messages::text, ' ') from messages")
    captured = capsys.readouterr()
    for text in (stored, captured.out, captured.err):
        assert not any(secret in text for secret in ("private", "Private", "987654", "99998877"))
        assert not any(event.sealed in text for event in requests)
    assert "delivery.sent" in captured.out


async def test_a_crash_before_the_commit_sends_twice_at_most(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, sms = requested("someone@mail.example", **CODE), requested("0699990001", channel="sms", **CODE)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def written() -> bool:
        return bool(list(folders.sms.glob("*.p7m")))

    async with mail_server() as server:
        with monkeypatch.context() as patch:
            patch.setattr("services.notify.messages.usecases.send_messages.settle_messages", never)
            async with worker(database, kafka, server.port, folders):
                await kafka.put(mail)
                await kafka.put(sms)
                await server.received(1)
                await eventually(written)
        held = (
            "select count(*) = 2 from messages where due_at > created_at + interval '5 seconds' and status = 'queued'"
        )
        assert await value(database, held)
        await value(database, "update messages set due_at = now() returning true")
        async with worker(database, kafka, server.port, folders):
            await all_are(database, "sent", 2)
    assert [sent["message-id"] for sent in server.mails] == [f"<{mail.request_id}@dmp.example>"] * 2
    assert [path.name for path in folders.sms.iterdir()] == [f"{sms.request_id}.p7m"]


async def test_a_lost_database_between_answer_and_commit_does_not_send_twice(
    database: Database, kafka: Topics, folders: FoldersSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError(), OSError()])

    async def failing(*arguments: object) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await settle_messages.settle_messages(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.notify.messages.usecases.send_messages.settle_messages", failing)
    async with mail_server() as server, worker(database, kafka, server.port, folders):
        await kafka.put(requested("someone@mail.example", **CODE))
        await all_are(database, "sent")
    assert len(server.mails) == 1


async def test_codes_do_not_wait_behind_many_alerts(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    async with mail_server() as server, worker(database, kafka, server.port, folders, connections=1):
        server.delay_s = 0.3
        await kafka.put(contact(record_id, "alerts@mail.example"))
        for _ in range(30):
            await kafka.put(published(record_id))
        await eventually(lambda: value(database, "select count(*) = 30 from alerts"))
        await kafka.put(requested("codes@mail.example", **CODE))
        await all_are(database, "sent")
        assert len(server.mails) < 30


async def test_the_messages_of_a_record_are_removed_in_steps_and_old_ones_forgotten(
    database: Database, kafka: Topics, folders: FoldersSettings
) -> None:
    record_id = uuid4()
    records: list[UUID | None] = [record_id, record_id, record_id, uuid4(), None]
    async with worker(database, kafka, 1, folders) as runtime:
        for of_record in records:
            await kafka.put(requested("0699990001", channel="sms", record_id=of_record, **CODE))
        await all_are(database, "sent", 5)
        async with transaction(runtime.pool) as connection:
            assert [await delete_messages_of(connection, record_id, 2) for _ in range(3)] == [2, 1, 0]
        assert not await forget_messages(runtime.pool)
        assert await value(database, "select count(*) from messages") == 2
        await value(database, "update messages set handled_at = handled_at - interval '64 days' returning true")
        await forget_messages(runtime.pool)
    assert await value(database, "select count(*) from messages") == 0
    assert os.listdir(folders.sms)
