"""A worker reaches a cluster of which some brokers are away, whichever of them its settings name first."""

from dataclasses import replace
from uuid import uuid4

from shared.db.pool import transaction
from shared.messaging.outbox import announce, append
from tests.conftest import NewDatabase
from tests.e2e.acting import free_port
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, document_received, worker
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_flow import access


async def test_a_worker_consumes_and_announces_while_the_first_of_its_brokers_is_away(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    addresses = f"127.0.0.1:{free_port()},{kafka.parts.kafka_bootstrap}"
    cluster = replace(kafka, parts=replace(kafka.parts, kafka_bootstrap=addresses))

    async def has_effect() -> bool:
        return len(await plumbing.effects(database)) == 1

    async with worker(Recorder(), database, cluster) as runtime:
        await kafka.put(document_received(uuid4()))
        await eventually(has_effect)
        async with transaction(runtime.pool) as connection:
            await append(connection, [announce(access(uuid4()), "consent")])
        assert len(await kafka.wait_for("consent.accesses.v1", lambda events: len(events) == 1)) == 1
