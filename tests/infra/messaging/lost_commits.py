"""Databases that lose commits, and the relay that detects it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from shared.contracts.topics import TOPICS
from shared.db.pool import Connection, Pool, create_pool
from shared.messaging.outbox.leader import OwnTopics
from shared.messaging.outbox.lost import LossWatch, log_factory, topics_of
from shared.messaging.outbox.producer import producer_factory
from shared.messaging.outbox.recovery import Recovery, RecoveryResult, recover
from shared.messaging.outbox.relay import Relay
from shared.runtime.settings import PostgresSettings
from tests.infra.messaging.operators import OPERATOR
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

END_OWN_SESSIONS = """
select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = $1 and usename = current_user"""
"""Also waits until they have ended; the superuser's session stays open from test to test."""


@asynccontextmanager
async def app_pool(database: Database) -> AsyncIterator[Pool]:
    """Yields a pool of the app role."""
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    try:
        yield pool
    finally:
        await pool.close()


class HeldWatch(LossWatch):
    """A check that waits until `may_check` is set, as if the broker were unavailable."""

    def __init__(self, kafka: Topics, service: str) -> None:
        super().__init__(log_factory(kafka.settings(service), service), topics_of(service))
        self.may_check = asyncio.Event()

    async def check(self, connection: Connection) -> None:
        """Checks as soon as `may_check` is set."""
        await self.may_check.wait()
        await super().check(connection)


@asynccontextmanager
async def running_relay(database: Database, kafka: Topics, *, held: bool = False) -> AsyncIterator[HeldWatch]:
    """Runs the relay of the database's service. `held`: it checks for losses only once `may_check` is set."""
    service = database.service
    watch = HeldWatch(kafka, service)
    if not held:
        watch.may_check.set()
    relay = Relay(
        database.dsn,
        producer_factory(kafka.settings(service), service),
        source=f"/services/{service}",
        topics=OwnTopics(kafka.prefix, [topic for topic in TOPICS if topic.owner == service and topic.has_heartbeats]),
        heartbeat_s=0.2,
        watch=watch,
    )
    task = asyncio.create_task(relay.run())
    try:
        yield watch
    finally:
        watch.may_check.set()
        relay.stop()
        await asyncio.wait({task}, timeout=15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def has_compared(database: Database) -> bool:
    """Whether a relay has compared this database with the topics."""
    connection = await asyncpg.connect(database.dsn)
    try:
        return bool(await connection.fetchval("select count(*) > 0 from outbox_offsets"))
    finally:
        await connection.close()


async def compare_once(database: Database, kafka: Topics) -> None:
    """Runs a relay until it has compared the topics, so that this database knows their records."""
    async with running_relay(database, kafka):
        await eventually(lambda: has_compared(database))


async def copy_database(database: Database, kafka: Topics) -> Database:
    """Copies the database, like a backup to be restored. No session of a service may be connected to it."""
    name = f"{database.name}_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(kafka.parts.postgres_dsn)
    try:
        await admin.fetch(END_OWN_SESSIONS, database.name)
        await admin.execute(f'create database "{name}" template "{database.name}"')
    finally:
        await admin.close()
    dsn, owner_dsn = (_at(text, name) for text in (database.dsn, database.owner_dsn))
    return replace(database, name=name, dsn=dsn, owner_dsn=owner_dsn)


def _at(dsn: str, name: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def all_sent(pool: Pool) -> bool:
    """Whether the outbox is empty."""
    return bool(await pool.fetchval("select count(*) = 0 from outbox"))


async def recover_at(pool: Pool, kafka: Topics, service: str, recovery: Recovery) -> RecoveryResult:
    """Recovers like `python -m services.<service> recover`."""
    return await recover(pool, log_factory(kafka.settings(service), service), topics_of(service), recovery, OPERATOR)
