"""The check of what a restored database misses, while its processes run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from services.consent.consumers import subscriptions
from services.consent.recovery.steps import STATE_SOURCES
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.declarations import Topic
from shared.contracts.topics import CONSENT_RECORD_COPIES, CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Pool, transaction
from shared.messaging import offsets
from shared.messaging.batch_plan import Partition
from shared.messaging.outbox.lost import TopicLog, log_factory, store_offsets, topics_of
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.recovery import Recovery
from shared.messaging.recovery_check import RecoveryCheck, check_recovery
from tests.conftest import NewDatabase
from tests.infra.messaging.lost_commits import app_pool
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics


class BusyLog(TopicLog):
    """Topics that grow while they are looked at: each look at their ends is followed by a record, sent and handled."""

    database: Pool

    async def ends(self, topics: Sequence[Topic]) -> dict[TopicPartition, int]:
        """Returns the ends before that record."""
        ends = await super().ends(topics)
        passed = {place: end + 1 for place, end in ends.items()}
        read = {Partition(*place): end for place, end in passed.items() if place.topic == IDENTITY_RECORDS.name}
        async with transaction(self.database) as connection:
            await store_offsets(connection, self.cluster_id, passed)
            await offsets.set_next(connection, CONSENT_RECORD_COPIES.name, read)
        return ends


async def check(pool: Pool, kafka: Topics, kind: type[TopicLog]) -> RecoveryCheck:
    @asynccontextmanager
    async def connect() -> AsyncIterator[TopicLog]:
        async with log_factory(kafka.settings("consent"), "consent")() as topic_log:
            topic_log.__class__ = kind
            if isinstance(topic_log, BusyLog):
                topic_log.database = pool
            yield topic_log

    copies = [each for each in subscriptions() if each.group == CONSENT_RECORD_COPIES]
    return await check_recovery(pool, connect, topics_of("consent"), copies, Recovery(states=STATE_SOURCES))


async def test_records_that_are_sent_and_handled_meanwhile_are_not_taken_for_a_loss(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database: Database = await new_database("consent")
    async with app_pool(database) as pool:
        await stand_at_beginning(pool, kafka)
        checked = await check(pool, kafka, BusyLog)
        assert (checked.cluster, checked.offsets_lost) == ("same", [])
        afterwards = await check(pool, kafka, TopicLog)
    assert afterwards.cluster == "another"
    assert afterwards.offsets_lost


async def test_an_announcement_that_its_database_does_not_know_is_lost_unless_a_relay_has_just_sent_it(
    new_database: NewDatabase, kafka: Topics
) -> None:
    async with app_pool(await new_database("consent")) as pool:
        await stand_at_beginning(pool, kafka)
        headers = {"ce_id": str(uuid4()).encode(), "ce_type": ConsentStateChanged.ce_type.encode()}
        await kafka.put_raw(CONSENT_STATES.name, b"{}", str(uuid4()).encode(), headers)
        checked = await check(pool, kafka, TopicLog)
        assert (checked.cluster, checked.lost) == ("same", {CONSENT_STATES.name: 1})
        assert (await check(pool, kafka, BusyLog)).lost == {}


async def test_what_nobody_announced_as_an_event_is_no_lost_announcement(
    new_database: NewDatabase, kafka: Topics
) -> None:
    async with app_pool(await new_database("consent")) as pool:
        await stand_at_beginning(pool, kafka)
        await kafka.put_raw(CONSENT_STATES.name, b"{", str(uuid4()).encode(), {})
        checked = await check(pool, kafka, TopicLog)
    assert (checked.cluster, checked.lost) == ("same", {})


async def stand_at_beginning(pool: Pool, kafka: Topics) -> None:
    """Stores that this database knows its topics, and has read those of others, up to where they are."""
    async with log_factory(kafka.settings("consent"), "consent")() as topic_log:
        own = await topic_log.ends(topics_of("consent"))
        read = await topic_log.ends([IDENTITY_RECORDS])
        places = {Partition(*place): end for place, end in read.items()}
        async with transaction(pool) as connection:
            await store_offsets(connection, topic_log.cluster_id, own)
            await offsets.insert_offsets(connection, CONSENT_RECORD_COPIES.name, topic_log.cluster_id, places)
