"""A database that was set back: its relay announces nothing until what was lost has been recovered from the topics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.consent.announcements import announce
from services.consent.domain.choices import Change, Choices
from services.consent.domain.states import State
from services.consent.store import states
from services.consent.usecases.adopt_states import adopt_states
from shared import clock
from shared.contracts.base import Actor, StateWithheld
from shared.contracts.consent import Authorisation
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Pool, create_pool, transaction
from shared.decoding import Message, decode
from shared.outbox import append
from shared.outbox.lost import LossWatch, log_factory, topics_of
from shared.outbox.producer import producer_factory
from shared.outbox.recovery import Recovered, Recovery, recover
from shared.outbox.relay import Relay
from shared.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.databases import Database
from tests.infra.topics import Topics
from tests.infra.waiting import eventually

PATIENT = Actor(kind="patient", id="p")
DOCTOR, OTHER = "899700000001", "899700000002"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@asynccontextmanager
async def a_pool(database: Database) -> AsyncIterator[Pool]:
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def relaying(database: Database, kafka: Topics) -> AsyncIterator[LossWatch]:
    settings = kafka.settings("consent")
    watch = LossWatch(log_factory(settings, "consent"), topics_of("consent"))
    relay = Relay(
        database.dsn,
        producer_factory(settings, "consent"),
        source="/services/consent",
        prefix=kafka.prefix,
        states=[CONSENT_STATES],
        heartbeat_s=0.2,
        watch=watch,
    )
    task = asyncio.create_task(relay.run())
    try:
        yield watch
    finally:
        relay.stop()
        await asyncio.wait({task}, timeout=15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def restored(database: Database, kafka: Topics) -> Database:
    """A copy of the database as it is now, as a backup that will be put back. Nobody is connected to it."""
    name = f"{database.name}_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(kafka.parts.postgres_dsn)
    try:
        await admin.execute(f'create database "{name}" template "{database.name}"')
    finally:
        await admin.close()
    dsn, owner_dsn = (text.replace(database.name, name) for text in (database.dsn, database.owner_dsn))
    return replace(database, name=name, dsn=dsn, owner_dsn=owner_dsn)


async def open_record(pool: Pool, record_id: UUID) -> None:
    state = State(record_id, 1, Choices(), clock.now(), 1)
    async with transaction(pool) as connection:
        await states.insert_states(connection, [state])
        await append(connection, [announce(state.as_event())])


async def change(pool: Pool, record_id: UUID, **changed: Any) -> None:
    async with transaction(pool) as connection:
        present = await states.lock_state(connection, record_id)
        assert present is not None
        present = replace(present, record_version=1)
        state = present.changed(present.choices.model_copy(update=changed), clock.now())
        await states.update_state(connection, state, Change(action="block-professional", subject_id=DOCTOR), PATIENT)
        await append(connection, [announce(state.as_event())])


async def all_sent(pool: Pool) -> bool:
    return bool(await pool.fetchval("select count(*) = 0 from outbox"))


async def recover_consent(pool: Pool, kafka: Topics) -> Recovered:
    connect = log_factory(kafka.settings("consent"), "consent")
    return await recover(pool, connect, topics_of("consent"), Recovery(adopt_states))


async def told(kafka: Topics, record_id: UUID) -> list[Any]:
    records = [record for record in await kafka.read_raw(CONSENT_STATES.name) if record.key == str(record_id).encode()]
    decoded = [decode(record, kafka.prefix) for record in records]
    return [message.event for message in decoded if isinstance(message, Message)]


def an_authorisation(holder: str) -> Authorisation:
    return Authorisation(holder_id=holder, since=clock.now())


async def test_a_database_that_was_set_back_announces_nothing_and_then_adopts_what_the_topic_holds(
    database: Database, kafka: Topics
) -> None:
    record_id, untouched = uuid4(), uuid4()
    async with a_pool(database) as pool, relaying(database, kafka):
        await eventually(lambda: pool.fetchval("select count(*) > 0 from outbox_offsets"))
        await open_record(pool, record_id)
        await open_record(pool, untouched)
        await eventually(lambda: all_sent(pool))
    backup = await restored(database, kafka)
    async with a_pool(database) as pool, relaying(database, kafka):
        await change(pool, record_id, authorisations=(an_authorisation(DOCTOR), an_authorisation(OTHER)))
        await change(pool, record_id, authorisations=(an_authorisation(OTHER),), blocked=(DOCTOR,))
        await eventually(lambda: all_sent(pool))
    async with a_pool(backup) as pool, relaying(backup, kafka) as watch:

        async def has_noticed() -> bool:
            return watch.is_recovery_needed

        await eventually(has_noticed)
        before = len(await kafka.read_raw(CONSENT_STATES.name))
        await change(pool, untouched, blocked=(DOCTOR,))
        done = await recover_consent(pool, kafka)
        assert done.adopted == {CONSENT_STATES.name: [str(record_id)]}
        assert not done.undecided
        assert len(await kafka.read_raw(CONSENT_STATES.name)) == before
        await eventually(lambda: all_sent(pool))
        present = await states.find_state(pool, record_id)
        assert present is not None
        assert (present.version, present.choices.blocked) == (3, (DOCTOR,))
        assert [one.holder_id for one in present.choices.authorisations] == [OTHER]
        blocked = await pool.fetchval("select blocked from consent_states where record_id = $1", record_id)
        assert blocked == [DOCTOR]
        await change(pool, record_id, blocked=(DOCTOR, OTHER), authorisations=())
        await eventually(lambda: all_sent(pool))
    assert [event.version for event in await told(kafka, record_id)] == [1, 2, 3, 4]
    assert [event.version for event in await told(kafka, untouched)] == [1, 2]


async def test_choices_that_were_changed_since_the_restore_are_neither_lost_nor_announced_over_newer_ones(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with a_pool(database) as pool, relaying(database, kafka):
        await eventually(lambda: pool.fetchval("select count(*) > 0 from outbox_offsets"))
        await open_record(pool, record_id)
        await eventually(lambda: all_sent(pool))
    backup = await restored(database, kafka)
    async with a_pool(database) as pool, relaying(database, kafka):
        for doctor in (DOCTOR, OTHER, DOCTOR):
            await change(pool, record_id, authorisations=(an_authorisation(doctor),))
        await eventually(lambda: all_sent(pool))
    async with a_pool(backup) as pool:
        await change(pool, record_id, blocked=(OTHER,))
        done = await recover_consent(pool, kafka)
        assert done.undecided == {CONSENT_STATES.name: [str(record_id)]}
        async with relaying(backup, kafka):
            await eventually(lambda: all_sent(pool))
            present = await states.find_state(pool, record_id)
            assert present is not None
            assert present.choices.blocked == (OTHER,)
            marked = await told(kafka, record_id)
            assert isinstance(marked[-1], StateWithheld)
            await change(pool, record_id, blocked=(DOCTOR, OTHER))
            await eventually(lambda: all_sent(pool))
    versions = [event.version for event in await told(kafka, record_id) if not isinstance(event, StateWithheld)]
    assert versions == [1, 2, 3, 4, 5]


async def test_a_leader_that_died_between_the_acknowledgement_and_the_delete_has_lost_nothing(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with a_pool(database) as pool, relaying(database, kafka):
        await eventually(lambda: pool.fetchval("select count(*) > 0 from outbox_offsets"))
    async with a_pool(database) as pool:
        await open_record(pool, record_id)
        row = await pool.fetchrow("select key, event_id, event_type, occurred_at, payload from outbox")
        assert row is not None
        headers = {
            "ce_id": str(row["event_id"]),
            "ce_type": row["event_type"],
            "ce_time": row["occurred_at"].isoformat(),
        }
        await kafka.put_raw(CONSENT_STATES.name, row["payload"], row["key"], headers)
        async with relaying(database, kafka) as watch:
            await eventually(lambda: all_sent(pool))
            assert not watch.is_recovery_needed
    ids = {orjson.dumps(event.model_dump(mode="json")) for event in await told(kafka, record_id)}
    assert len(ids) == 1
