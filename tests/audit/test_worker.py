"""Audit's worker on a real broker: four topics, one ledger, each fact once; entries of settled deposits said once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from services.audit.app import make_worker
from services.audit.settings import Settings
from shared.contracts.audit import AccessRecorded, EntryRecorded
from shared.contracts.base import Actor, Event
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import ProfessionalChanged
from shared.contracts.notify import AlertSent
from shared.contracts.records import DocumentPublished
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from shared.runtime.tracing import trace_id
from shared.service.worker import WorkerRuntime
from tests.infra.audit.keys import KEYS
from tests.infra.http.tokens import SETTINGS
from tests.infra.messaging.plumbing import document_received
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

ENTRIES = "audit.entries.v1"
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


@asynccontextmanager
async def worker(database: Database, kafka: Topics) -> AsyncIterator[WorkerRuntime]:
    settings = Settings(
        postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
        kafka=kafka.settings("audit"),
        tokens=SETTINGS,
        keys=KEYS,
    )
    app = make_worker(settings)
    async with app.router.lifespan_context(app):
        yield app.state.runtime


async def put_life_of_a_document(kafka: Topics, record_id: UUID) -> list[Announcement]:
    received = document_received(record_id)
    ids: dict[str, Any] = received.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})
    now = clock.now()
    decided = DepositDecided(
        **ids, outcome="permitted", reason="feeding", rules_version="1", facts={}, seen={}, decided_at=now
    )
    published = DocumentPublished(**ids, labels=("N",), decision_id=uuid4(), received_at=now, published_at=now)
    del ids["organisation_id"]
    sent = AlertSent(**ids, alert_id=uuid4(), kind="document", caused_by=uuid4(), handled_at=now)
    doctor = Actor(kind="professional", id="899700000001")
    read = AccessRecorded(
        record_id=record_id,
        actor=doctor,
        action="read-document",
        outcome="permitted",
        reason="authorised",
        document_id=received.document_id,
    )
    return [await kafka.put(message, trace=TRACE) for message in (received, decided, published, sent, read)]


async def put_again(kafka: Topics, announcement: Announcement) -> None:
    headers = {
        "ce_id": str(announcement.id),
        "ce_type": announcement.type,
        "ce_time": announcement.occurred_at.isoformat(),
        "traceparent": announcement.trace,
    }
    await kafka.put_raw(announcement.topic.name, announcement.body, announcement.key.encode(), headers)


def settled(announcements: list[Announcement]) -> list[Announcement]:
    """Those of them whose entries are announced."""
    return [announcement for announcement in announcements if announcement.type == DocumentPublished.ce_type]


async def entered(runtime: WorkerRuntime) -> list[str]:
    """The events that the ledger has entries of."""
    return [row["event_id"] for row in await runtime.pool.fetch("select event_id::text from ledger_entries order by 1")]


def announced(messages: list[Message[Event]]) -> dict[UUID, str]:
    """Announcement -> the event whose entry stands. A relay that is stopped may send one announcement twice, under one
    id; two announcements of one entry would have two ids and be seen here."""
    return {message.id: str(message.event.event_id) for message in messages if isinstance(message.event, EntryRecorded)}


async def test_each_fact_of_four_topics_is_entered_once_and_of_a_settled_deposit_that_is_said_once(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    announcements = await put_life_of_a_document(kafka, record_id)
    for announcement in announcements:
        await put_again(kafka, announcement)
    async with worker(database, kafka) as runtime:
        first = runtime

        async def all_entered() -> bool:
            return len(await entered(first)) >= len(announcements)

        await eventually(all_entered)
        await kafka.wait_for(ENTRIES, lambda messages: len(announced(messages)) >= len(settled(announcements)))
    for announcement in announcements:
        await put_again(kafka, announcement)
    last = await put_life_of_a_document(kafka, record_id)
    async with worker(database, kafka) as runtime:
        second, expected_ids = runtime, sorted(str(announcement.id) for announcement in (*announcements, *last))

        async def everything_entered() -> bool:
            return len(await entered(second)) >= len(expected_ids)

        await eventually(everything_entered)
        assert await entered(runtime) == expected_ids
        settled_ids = sorted(str(announcement.id) for announcement in settled([*announcements, *last]))
        entry_messages = await kafka.wait_for(ENTRIES, lambda messages: len(announced(messages)) >= len(settled_ids))
        assert sorted(announced(entry_messages).values()) == settled_ids
        assert {trace_id(message.trace) for message in entry_messages} == {trace_id(TRACE)}
        assert runtime.silent_loops() == []


async def test_garbage_is_quarantined_sent_to_the_dead_letters_and_what_follows_is_entered(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    await kafka.put_raw("records.accesses.v1", b"\x00\xff", str(record_id).encode(), {"ce_type": "?"})
    announcements = await put_life_of_a_document(kafka, record_id)
    async with worker(database, kafka) as runtime:
        await kafka.wait_for(ENTRIES, lambda messages: len(messages) >= len(settled(announcements)))

        async def quarantined() -> bool:
            return bool(
                await runtime.pool.fetchval(
                    "select count(*) = 1 from ledger_entries where action = 'quarantine-message' and record_id = $1",
                    record_id,
                )
            )

        await eventually(quarantined)

        async def dead_letters() -> list[Any] | None:
            sent = await kafka.read_raw("audit.ledger.dlt")  # perhaps twice: a relay may send the same one again
            return list({dict(record.headers)["ce_id"]: record for record in sent}.values()) or None

        [dead] = await eventually(dead_letters)
        assert dict(dead.headers)["dlt_error_code"] == b"type-unknown"


async def test_names_come_from_the_directory(database: Database, kafka: Topics) -> None:
    async with worker(database, kafka) as runtime:
        await kafka.put(
            ProfessionalChanged(professional_id="899700000001", version=1, name="Dr Alix Marbeuf", profession="10")
        )

        async def is_known() -> bool:
            return bool(await runtime.pool.fetchval("select count(*) from professional_copies"))

        assert await eventually(is_known)
