"""A process killed at the worst line loses nothing and does nothing twice."""

import asyncio
import json
import signal
import sys
from dataclasses import asdict
from uuid import uuid4

import pytest

from shared.contracts.audit import AccessRecorded
from shared.db.pool import create_pool, transaction
from shared.messaging.outbox import announce, append
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.crashing import PLACES
from tests.infra.messaging.plumbing import Recorder, document_received, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S, eventually
from tests.shared.messaging.test_flow import access

pytestmark = pytest.mark.long


async def let_it_crash(place: str, database: Database, kafka: Topics) -> None:
    """Runs a worker in a separate process until it has killed itself at that place."""
    spec = {
        "database": asdict(database),
        "bootstrap": kafka.parts.kafka_bootstrap,
        "passwords": dict(kafka.parts.passwords),
        "prefix": kafka.prefix,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.messaging.crashing", place, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(json.dumps(spec).encode()), DEADLINE_S)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("place", [place for place in PLACES if "outbox" not in place])
async def test_a_consumer_killed_there_has_each_effect_once(
    place: str, new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    events = [document_received(uuid4()) for _ in range(20)]
    for event in events:
        await kafka.put(event)
    await let_it_crash(place, database, kafka)
    async with worker(Recorder(), database, kafka):
        last = document_received(uuid4())
        await kafka.put(last)

        async def all_done() -> bool:
            return len(await plumbing.effects(database)) >= 21

        await eventually(all_done)
    done = [row["document_id"] for row in await plumbing.effects(database)]
    assert sorted(done) == sorted(event.document_id for event in [*events, last])


async def test_a_relay_killed_after_the_ack_sends_again_in_order_and_loses_nothing(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    record_id = uuid4()
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    announcements = [announce(access(record_id, number), "consent") for number in range(1, 31)]
    async with transaction(pool) as connection:
        await append(connection, announcements)
    await let_it_crash("after the broker's ack, before the outbox is cleared", database, kafka)
    assert await plumbing.value(database, "select count(*) from outbox") == 30
    async with worker(Recorder(), database, kafka):
        events = await kafka.wait_for("consent.accesses.v1", lambda events: len(events) >= 60)
    pool.terminate()
    numbers = [m.event.state_version for m in events if isinstance(m.event, AccessRecorded)]
    assert numbers == [*range(1, 31), *range(1, 31)]
    assert len({message.id for message in events}) == 30
