"""A worker for tests: consent's groups and database, with handlers that record the messages they get."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from shared.contracts.identity import RecordChanged, TraitFingerprints
from shared.contracts.records import DocumentReceived
from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, CONSENT_RECORD_COPIES
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.subscription import Subscription
from shared.runtime import clock
from shared.runtime.settings import FreshnessSettings, KafkaSettings, PostgresSettings, ServiceSettings
from shared.service.worker import Plan, WorkerRuntime, at_work
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics

CREATE_EFFECTS = """
create table effects (id bigint generated always as identity, event_id uuid, record_id uuid, document_id uuid);
create table seen_copies (record_id uuid primary key, version integer);
grant select, insert, update on effects, seen_copies to test_app"""
INSERT_EFFECT = "insert into effects (event_id, record_id, document_id) values ($1, $2, $3)"
UPSERT_COPY = """
insert into seen_copies (record_id, version) values ($1, $2)
on conflict (record_id) do update set version = excluded.version where seen_copies.version < excluded.version
returning record_id"""
SELECT_COPIES = "select record_id, version from seen_copies where record_id = any($1::uuid[])"


@dataclass
class Recorder:
    """Handlers that record messages. `before` and `after` may raise; `batches` holds the size of each batch."""

    before: Callable[[Message[Any]], None] = lambda _message: None
    after: Callable[[], None] = lambda: None
    waits_for_copies: bool = False
    batches: list[int] = field(default_factory=list)

    async def record(self, connection: Connection, messages: list[Message[DocumentReceived]]) -> None:
        """Writes one effect for each message."""
        self.batches.append(len(messages))
        for message in messages:
            self.before(message)
            event = message.event
            await connection.execute(INSERT_EFFECT, message.id, event.record_id, event.document_id)
        self.after()

    async def apply(self, connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
        """Applies states to the copies. Returns the keys of newer copies."""
        applied = set()
        for message in messages:
            self.before(message)
            if await connection.fetchval(UPSERT_COPY, message.event.record_id, message.event.version):
                applied.add(message.key)
        return applied

    async def awaiting_version(self, connection: Connection, messages: list[Message[DocumentReceived]]) -> set[UUID]:
        """Returns the ids of messages that rest on a version of identity.records.v1 that has not been applied."""
        if not self.waits_for_copies:
            return set()
        required = {m.id: (m.event.record_id, m.event.seen.get("identity.records.v1", 0)) for m in messages}
        rows = await connection.fetch(SELECT_COPIES, [record_id for record_id, _ in required.values()])
        applied_versions = {row["record_id"]: row["version"] for row in rows}
        return {id for id, (record_id, version) in required.items() if applied_versions.get(record_id, 0) < version}

    def subscriptions(self) -> list[Subscription]:
        """Returns a fact group and a state group."""
        return [
            Subscription(
                CONSENT_DEPOSIT_CHECKS, (DocumentReceived,), self.record, awaiting_version=self.awaiting_version
            ),
            Subscription(CONSENT_RECORD_COPIES, (RecordChanged,), self.apply, uses_inbox=False),
        ]


def settings(database: Database, topics: Topics, instance_id: str | None = "test") -> ServiceSettings:
    """Returns the settings of a worker. Without an `instance_id` it is one of several members that come and go."""
    return settings_with(database, topics.settings("consent").model_copy(update={"instance_id": instance_id}))


def settings_with(database: Database, kafka: KafkaSettings) -> ServiceSettings:
    """Returns the settings of a worker on this broker."""
    return ServiceSettings(
        postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
        kafka=kafka,
        tokens=SETTINGS,
        freshness=FreshnessSettings(heartbeat_s=0.2),
    )


@asynccontextmanager
async def worker(
    recorder: Recorder, database: Database, topics: Topics, instance_id: str | None = "test"
) -> AsyncIterator[WorkerRuntime]:
    """Runs the worker for the duration of the block."""
    plan = Plan("consent", recorder.subscriptions(), keys=TestKeys())
    async with at_work(plan, settings(database, topics, instance_id)) as runtime:
        yield runtime


async def prepare(database: Database) -> None:
    """Creates the tables that the handlers write."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await connection.execute(CREATE_EFFECTS)
    finally:
        await connection.close()


async def effects(database: Database) -> list[asyncpg.Record]:
    """Returns the effects that the handlers wrote, in order."""
    connection = await asyncpg.connect(database.dsn)
    try:
        return await connection.fetch("select event_id, record_id, document_id from effects order by id")
    finally:
        await connection.close()


async def value(database: Database, query: str, *arguments: Any) -> Any:
    """Returns the single value of a query, run as the owner."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def document_received(record_id: UUID, *, seen: dict[str, int] | None = None) -> DocumentReceived:
    """Returns the event of a deposited document of that record."""
    return DocumentReceived(
        record_id=record_id,
        document_id=uuid4(),
        deposit_id=uuid4(),
        organisation_id="1750000001",
        seen=seen or {},
        client_id="software-1",
        type="11488-4",
        class_code="10",
        section="CPT_REND",
        labels=("N",),
        received_at=clock.now(),
    )


def record_changed(record_id: UUID, version: int = 1) -> RecordChanged:
    """Returns the event of an open record."""
    traits = TraitFingerprints(birth_name="k.a", given_name="k.b", birth_date="k.c", sex="k.d")
    return RecordChanged(
        record_id=record_id, version=version, status="open", ins="k.0", traits=traits, opened_at=clock.now()
    )
