"""Consumers on a database that get their records without a broker."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from shared.contracts.base import Event
from shared.db.pool import Pool, transaction
from shared.erasure import erased_records
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import KeptRecord
from shared.messaging.outbox import announce
from shared.messaging.redrive import Redriver
from shared.runtime import clock
from tests.infra.erasure.erasing import tables_with
from tests.infra.messaging import plumbing
from tests.infra.messaging.messages import sender_of
from tests.infra.messaging.plumbing import Recorder
from tests.infra.platform.databases import Database

FACTS, STATES = "consent.deposit-checks", "consent.record-copies"


class OfflineConsumers:
    """The consumers of `plumbing.Recorder`. Each new record has the next offset of partition 0."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self.database, self.pool = database, pool
        self.recorder = Recorder()
        self.offset = 0

    def consumer(self, group: str = FACTS, **changed: Any) -> Consumer:
        """Returns a new consumer. `changed`: fields of its subscription."""
        [subscription] = [
            subscription for subscription in self.recorder.subscriptions() if subscription.group.name == group
        ]
        return Consumer(self.pool, replace(subscription, **changed))

    def redriver(self, *consumers: Consumer) -> Redriver:
        """Returns a redriver of these consumers."""
        return Redriver(self.pool, {consumer.name: consumer for consumer in consumers})

    def record(self, event: Event, **changed: Any) -> KeptRecord:
        """Returns the event as a Kafka record. `changed`: fields of the record."""
        announcement = announce(event, sender_of(event))
        self.offset += 1
        headers = [
            ("ce_id", str(announcement.id).encode()),
            ("ce_type", announcement.type.encode()),
            ("ce_time", announcement.occurred_at.isoformat().encode()),
        ]
        record = KeptRecord(
            announcement.topic.name, 0, self.offset, announcement.key.encode(), announcement.body, headers
        )
        return replace(record, **changed)

    async def effects(self) -> list[UUID]:
        """Returns the ids of the documents that were handled, in order."""
        return [row["document_id"] for row in await plumbing.effects(self.database)]

    async def erase(self, record_id: UUID) -> None:
        """Begins the erasure of a record."""
        async with transaction(self.pool) as connection:
            assert await erased_records.begin(connection, record_id, uuid4(), clock.now())

    async def left(self, record_id: UUID) -> set[str]:
        """Returns the tables that still hold data of a record."""
        return await tables_with(self.database, [record_id], besides=frozenset({"erased_records"}))
