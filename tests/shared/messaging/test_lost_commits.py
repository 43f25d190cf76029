"""After its database was set back, a relay announces nothing until the lost commits are recovered from the topics."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.consent.choices.domain.choices import Change, Choices
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.steps import adopt_states, copy_records
from services.consent.choices.store import states
from services.consent.deposit_checks.steps import awaiting_version
from services.consent.kit.announcements import announce
from shared.contracts.audit import OperatorActed
from shared.contracts.base import Actor, Event, StateWithheld
from shared.contracts.consent import Authorisation
from shared.contracts.topics import ACCESSES, CONSENT_STATES
from shared.db.pool import Pool, transaction
from shared.messaging.envelope import Message, decode
from shared.messaging.outbox import append
from shared.messaging.outbox.recovery import Recovery, RecoveryResult
from shared.runtime import clock
from tests.conftest import NewDatabase
from tests.infra.messaging.lost_commits import (
    all_sent,
    app_pool,
    compare_once,
    copy_database,
    recover_at,
    running_relay,
)
from tests.infra.messaging.messages import message
from tests.infra.messaging.operators import OPERATOR
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long

PATIENT = Actor(kind="patient", id="p")
DOCTOR, OTHER = "899700000001", "899700000002"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


async def open_record(pool: Pool, record_id: UUID) -> None:
    state = ConsentState(record_id, 1, Choices(), clock.now(), 1)
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


async def recover_consent(pool: Pool, kafka: Topics) -> RecoveryResult:
    return await recover_at(pool, kafka, "consent", Recovery(adopt_states))


async def announced_states(kafka: Topics, record_id: UUID) -> list[Any]:
    records = [record for record in await kafka.read_raw(CONSENT_STATES.name) if record.key == str(record_id).encode()]
    decoded = [decode(record, kafka.prefix) for record in records]
    return [message.event for message in decoded if isinstance(message, Message)]


def an_authorisation(holder: str) -> Authorisation:
    return Authorisation(holder_id=holder, since=clock.now())


async def entered_recoveries(kafka: Topics) -> list[Actor]:
    """Returns who recovered consent, as announced to the ledger."""

    def is_recovery(message: Message[Event]) -> bool:
        return isinstance(message.event, OperatorActed) and message.event.action == "recover-database"

    messages = await kafka.wait_for(ACCESSES["consent"].name, lambda messages: any(map(is_recovery, messages)))
    return [message.event.actor for message in messages if isinstance(message.event, OperatorActed)]


async def test_a_database_that_was_set_back_announces_nothing_and_then_adopts_what_the_topic_holds(
    database: Database, kafka: Topics
) -> None:
    record_id, untouched = uuid4(), uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        await open_record(pool, record_id)
        await open_record(pool, untouched)
        await eventually(lambda: all_sent(pool))
    backup = await copy_database(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        await change(pool, record_id, authorisations=(an_authorisation(DOCTOR), an_authorisation(OTHER)))
        await change(pool, record_id, authorisations=(an_authorisation(OTHER),), blocked=(DOCTOR,))
        await eventually(lambda: all_sent(pool))
    async with app_pool(backup) as pool, running_relay(backup, kafka) as watch:

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
        assert await entered_recoveries(kafka) == [OPERATOR]
        present = await states.find_state(pool, record_id)
        assert present is not None
        assert (present.version, present.choices.blocked) == (3, (DOCTOR,))
        assert [authorisation.holder_id for authorisation in present.choices.authorisations] == [OTHER]
        blocked = await pool.fetchval("select blocked from consent_states where record_id = $1", record_id)
        assert blocked == [DOCTOR]
        await change(pool, record_id, blocked=(DOCTOR, OTHER), authorisations=())
        await eventually(lambda: all_sent(pool))
    assert [event.version for event in await announced_states(kafka, record_id)] == [1, 2, 3, 4]
    assert [event.version for event in await announced_states(kafka, untouched)] == [1, 2]


async def test_choices_that_were_changed_since_the_restore_are_neither_lost_nor_announced_over_newer_ones(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        await open_record(pool, record_id)
        await eventually(lambda: all_sent(pool))
    backup = await copy_database(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        for doctor in (DOCTOR, OTHER, DOCTOR):
            await change(pool, record_id, authorisations=(an_authorisation(doctor),))
        await eventually(lambda: all_sent(pool))
    async with app_pool(backup) as pool:
        await change(pool, record_id, blocked=(OTHER,))
        done = await recover_consent(pool, kafka)
        assert done.undecided == {CONSENT_STATES.name: [str(record_id)]}
        async with running_relay(backup, kafka):
            await eventually(lambda: all_sent(pool))
            present = await states.find_state(pool, record_id)
            assert present is not None
            assert present.choices.blocked == (OTHER,)
            marked = await announced_states(kafka, record_id)
            assert isinstance(marked[-1], StateWithheld)
            await change(pool, record_id, blocked=(DOCTOR, OTHER))
            await eventually(lambda: all_sent(pool))
    versions = [
        event.version for event in await announced_states(kafka, record_id) if not isinstance(event, StateWithheld)
    ]
    assert versions == [1, 2, 3, 4, 6]


async def test_a_leader_that_died_between_the_acknowledgement_and_the_delete_has_lost_nothing(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool:
        await open_record(pool, record_id)
        row = await pool.fetchrow("select key, event_id, event_type, occurred_at, payload from outbox")
        assert row is not None
        headers = {
            "ce_id": str(row["event_id"]),
            "ce_type": row["event_type"],
            "ce_time": row["occurred_at"].isoformat(),
        }
        await kafka.put_raw(CONSENT_STATES.name, row["payload"], row["key"], headers)
        async with running_relay(database, kafka) as watch:
            await eventually(lambda: all_sent(pool))
            assert not watch.is_recovery_needed
    ids = {orjson.dumps(event.model_dump(mode="json")) for event in await announced_states(kafka, record_id)}
    assert len(ids) == 1


async def test_until_the_choices_are_recovered_nothing_is_in_force_and_no_deposit_is_decided_on_them(
    database: Database, kafka: Topics
) -> None:
    record_id, untouched = uuid4(), uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        async with transaction(pool) as connection:
            await copy_records(connection, [message(record_changed(id)) for id in (record_id, untouched)])
        await eventually(lambda: all_sent(pool))
    backup = await copy_database(database, kafka)
    async with app_pool(database) as pool, running_relay(database, kafka):
        await change(pool, record_id, mask_new_documents=True)
        await change(pool, record_id, blocked=(DOCTOR,))
        await eventually(lambda: all_sent(pool))
    async with app_pool(backup) as pool, running_relay(backup, kafka, held=True) as watch:
        # The consumer reads again the versions that records had applied before.
        await in_force(pool, {record_id: 3, untouched: 1})
        assert await are_in_force(pool, record_id, untouched) == [False, False]
        assert await deposits_wait(pool, record_id, untouched) == [True, True]
        watch.may_check.set()

        async def has_noticed() -> bool:
            return watch.is_recovery_needed

        await eventually(has_noticed)
        await change(pool, record_id, blocked=(OTHER,))
        assert await are_in_force(pool, record_id, untouched) == [False, True]
        assert await deposits_wait(pool, record_id, untouched) == [True, False]
        done = await recover_consent(pool, kafka)
        assert done.undecided == {CONSENT_STATES.name: [str(record_id)]}
        assert await are_in_force(pool, record_id, untouched) == [False, True], "it was not announced"
        assert await deposits_wait(pool, record_id, untouched) == [False, False]
        await change(pool, record_id, blocked=(DOCTOR, OTHER))
        await eventually(lambda: all_sent(pool))
        await in_force(pool, {record_id: (await announced_states(kafka, record_id))[-1].version})
        assert await are_in_force(pool, record_id) == [True]


async def in_force(pool: Pool, versions: dict[UUID, int]) -> None:
    async with transaction(pool) as connection:
        await states.raise_versions_in_force(connection, versions)


async def are_in_force(pool: Pool, *record_ids: UUID) -> list[bool]:
    found_states = [await states.find_state(pool, record_id) for record_id in record_ids]
    return [state is not None and state.is_in_force for state in found_states]


async def deposits_wait(pool: Pool, *record_ids: UUID) -> list[bool]:
    messages = [message(document_received(record_id)) for record_id in record_ids]
    async with transaction(pool) as connection:
        awaiting = await awaiting_version(connection, messages)
    return [message.id in awaiting for message in messages]
