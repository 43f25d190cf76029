"""On another Kafka cluster, or on topics that were cut off, a relay sends nothing until all is announced anew."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.consent.choices.steps import acknowledge_copies, adopt_states
from services.consent.choices.store import states
from services.consent.recovery.steps import STATE_SOURCES
from services.consent.recovery.store import COPIES
from shared.contracts.audit import AccessRecorded, OperatorActed
from shared.contracts.base import Actor, HeartbeatSent, StateWithheld
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.records import CopyApplied
from shared.contracts.topics import ACCESSES, CONSENT_STATES
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import announce, append
from shared.messaging.outbox.announce_anew import (
    AnnouncedAnew,
    NothingToAnnounceError,
    StatePage,
    StateSource,
    TopicsNotEmptyError,
    announce_anew,
)
from shared.messaging.outbox.lost import log_factory, topics_of
from shared.messaging.outbox.recovery import AnnouncingNeededError, CopyAhead, Recovery, withhold_states
from shared.messaging.recovery_check import check_recovery
from tests.conftest import NewDatabase
from tests.infra.messaging.lost_commits import all_sent, app_pool, compare_once, recover_at, running_relay
from tests.infra.messaging.messages import message
from tests.infra.messaging.operators import OPERATOR
from tests.infra.platform.databases import Database
from tests.infra.platform.supply import Supply
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.messaging.test_lost_commits import change, open_record

DOCTOR, OTHER = "899700000001", "899700000002"
OTHER_OPERATOR = Actor(kind="operator", id="the-night-shift", client_id="command-line")
FORMER_CLUSTER = "insert into outbox_offsets (topic, partition, cluster_id, next_offset) values ($1, 0, 'former', 7)"
ANNOUNCING = """
select (select count(*) from outbox) as unsent, (select count(*) from sent_facts) as facts,
       (select jsonb_agg(move) from cluster_moves move) as moves,
       (select jsonb_agg(o order by topic, partition) from outbox_offsets o) as offsets"""
RECOVERY = Recovery(adopt_states, states=STATE_SOURCES, copies=COPIES)


@pytest.fixture(name="database")
async def make_database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture(name="empty")
async def make_empty_topics(supply: Supply) -> AsyncIterator[Topics]:
    """Topics that stand for those of another cluster."""
    topics = await supply.new()
    yield topics
    await supply.give_back(topics)


async def report(pool: Pool, record_id: UUID) -> UUID:
    """Announces a fact. Returns its id."""
    event = AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="patient", id="p"),
        action="see-choices",
        outcome="permitted",
        reason="own-record",
    )
    announcement = announce(event, "consent")
    async with transaction(pool) as connection:
        await append(connection, [announcement])
    return announcement.id


async def anew(
    pool: Pool, topics: Topics, sources: Sequence[StateSource] = STATE_SOURCES, operator: Actor = OPERATOR
) -> AnnouncedAnew:
    async def prepare() -> int:
        return await RECOVERY.prepare(pool, operator, True)

    connect = log_factory(topics.settings("consent"), "consent")
    return await announce_anew(pool, connect, topics_of("consent"), sources, operator, prepare)


async def leave_cluster(pool: Pool) -> None:
    """What this database has sent, it has sent to another cluster."""
    await pool.execute("update outbox_offsets set cluster_id = 'former'")


async def facts_on(topics: Topics) -> list[UUID]:
    """Returns the ids of what consent reported, without what operators did."""
    messages = await topics.read(ACCESSES["consent"].name)
    return [each.id for each in messages if isinstance(each.event, AccessRecorded)]


async def acts_on(topics: Topics) -> list[tuple[str, str, int | None]]:
    """Returns the operators' acts that were announced: operator, action, count."""
    events = [each.event for each in await topics.read(ACCESSES["consent"].name)]
    return [(event.actor.id, event.action, event.count) for event in events if isinstance(event, OperatorActed)]


async def test_another_cluster_gets_nothing_until_states_and_facts_are_announced_anew(
    database: Database, kafka: Topics, empty: Topics
) -> None:
    record_id = uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool:
        async with running_relay(database, kafka):
            await open_record(pool, record_id)
            await change(pool, record_id, blocked=(DOCTOR,))
            facts = [await report(pool, record_id) for _ in range(3)]
            await eventually(lambda: all_sent(pool))
        await leave_cluster(pool)
        with pytest.raises(TopicsNotEmptyError):
            await anew(pool, kafka)
        async with running_relay(database, empty) as watch:

            async def has_noticed() -> bool:
                return watch.is_recovery_needed

            await eventually(has_noticed)
            facts.append(await report(pool, record_id))
            with pytest.raises(AnnouncingNeededError):
                await recover_at(pool, empty, "consent", RECOVERY)
            check = await check_recovery(
                pool, log_factory(empty.settings("consent"), "consent"), topics_of("consent"), [], RECOVERY
            )
            assert (check.cluster, check.to_announce, check.is_complete) == ("another", 3, False)
            assert await empty.read_raw(CONSENT_STATES.name) == []

            announced = await anew(pool, empty)

            assert (announced.facts, announced.states[CONSENT_STATES.name]) == (4, 1)
            await eventually(lambda: all_sent(pool))
            await eventually(lambda: has_heartbeat(empty))
            with pytest.raises(NothingToAnnounceError):
                await anew(pool, empty)
            await eventually(lambda: all_sent(pool))
        assert await facts_on(empty) == facts
        assert await acts_on(empty) == [(OPERATOR.id, "announce-anew", None)], "the refused ones enter nothing"
        states_sent = [each.event for each in await empty.read(CONSENT_STATES.name)]
        assert [event.version for event in states_sent if isinstance(event, ConsentStateChanged)] == [2]


async def has_heartbeat(topics: Topics) -> bool:
    return any(isinstance(each.event, HeartbeatSent) for each in await topics.read(CONSENT_STATES.name))


async def test_an_interrupted_announcing_sends_no_heartbeat_and_goes_on_where_it_was(
    database: Database, kafka: Topics
) -> None:
    records = sorted(uuid4() for _ in range(3))
    asked: list[str] = []

    async def one_record_a_page(connection: Connection, position: str) -> StatePage:
        asked.append(position)
        number = int(position or 0)
        if len(asked) == 2:
            raise ConnectionError("the machine ends here")
        state = await states.lock_state(connection, records[number])
        assert state is not None
        is_last = number == len(records) - 1
        return StatePage([announce(state.as_event(), "consent")], None if is_last else str(number + 1))

    source = (StateSource(CONSENT_STATES.name, one_record_a_page),)
    async with app_pool(database) as pool:
        for record_id in records:
            await open_record(pool, record_id)
        await pool.execute(FORMER_CLUSTER, CONSENT_STATES.name)
        with pytest.raises(ConnectionError):
            await anew(pool, kafka, source)
        async with running_relay(database, kafka) as watch:
            await eventually(lambda: all_sent(pool))
            assert watch.is_announcing
            assert [each.event for each in await kafka.read(CONSENT_STATES.name)]
            assert not await has_heartbeat(kafka)

            announced = await anew(pool, kafka, source, OTHER_OPERATOR)

            assert announced.states == {CONSENT_STATES.name: 2}
            await eventually(lambda: has_heartbeat(kafka))
            await eventually(lambda: all_sent(pool))
        runs = [(OPERATOR.id, "announce-anew", None), (OTHER_OPERATOR.id, "announce-anew", None)]
        assert sorted(await acts_on(kafka)) == sorted(runs)
        assert asked == ["", "1", "1", "2"]
        sent = [each.event for each in await kafka.read(CONSENT_STATES.name)]
        assert {each.key for each in sent if not isinstance(each, HeartbeatSent)} == {str(id) for id in records}


class KilledError(Exception):
    """The process ends before it commits."""


async def test_an_announcing_whose_entry_is_not_written_does_not_begin(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(_: Connection, __: object) -> None:
        raise KilledError

    async with app_pool(database) as pool:
        await open_record(pool, uuid4())
        await pool.execute(FORMER_CLUSTER, CONSENT_STATES.name)
        before = await pool.fetchrow(ANNOUNCING)
        monkeypatch.setattr("shared.messaging.outbox.announce_anew.append", end)
        with pytest.raises(KilledError):
            await anew(pool, kafka)
        assert await pool.fetchrow(ANNOUNCING) == before


async def test_topics_that_end_before_what_they_acknowledged_are_noticed_by_partition(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    await compare_once(database, kafka)
    async with app_pool(database) as pool:
        await open_record(pool, record_id)
        async with running_relay(database, kafka):
            await eventually(lambda: all_sent(pool))
        await pool.execute(
            "update outbox_offsets set next_offset = next_offset + 100 where topic = $1 and partition = 1",
            CONSENT_STATES.name,
        )
        async with running_relay(database, kafka) as watch:

            async def has_noticed() -> bool:
                return watch.is_recovery_needed

            await eventually(has_noticed)
            announced = await anew(pool, kafka)
            assert announced.states[CONSENT_STATES.name] == 1
            await eventually(lambda: all_sent(pool))


async def test_a_withheld_state_is_withheld_anew_until_somebody_has_decided(
    database: Database, kafka: Topics, empty: Topics
) -> None:
    record_id, other = uuid4(), uuid4()
    ahead = [CopyAhead(CONSENT_STATES.name, str(record_id), 4, 0)]
    await compare_once(database, kafka)
    async with app_pool(database) as pool:
        await open_record(pool, record_id)
        await open_record(pool, other)
        await withhold_states(pool, "consent", ahead, RECOVERY, OPERATOR)
        async with running_relay(database, kafka):
            await eventually(lambda: all_sent(pool))
        assert await acts_on(kafka) == [(OPERATOR.id, "withhold-states", 1)]
        await leave_cluster(pool)
        await anew(pool, empty)
        async with running_relay(database, empty):
            await eventually(lambda: all_sent(pool))
            sent = {each.event.key: each.event for each in await empty.read(CONSENT_STATES.name)}
            assert isinstance(sent[str(record_id)], StateWithheld)
            assert isinstance(sent[str(other)], ConsentStateChanged)
            await change(pool, record_id, blocked=(DOCTOR,))
            await eventually(lambda: all_sent(pool))
        assert await pool.fetchval("select count(*) from withheld_states") == 0


async def test_consent_adopts_the_newer_choices_that_records_has_kept_and_announces_them(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with app_pool(database) as pool:
        await open_record(pool, record_id)
        await change(pool, record_id, feeding_objections=(OTHER,))
        await pool.execute("delete from outbox")
        kept = CopyApplied(record_id=record_id, topic=CONSENT_STATES.name, version=5, choices={"blocked": [DOCTOR]})
        older = replace(message(kept), event=kept.model_copy(update={"version": 2}))
        async with transaction(pool) as connection:
            await acknowledge_copies(connection, [message(kept), older])
        state = await states.find_state(pool, record_id)
        assert state is not None
        assert (state.version, state.choices.blocked) == (5, (DOCTOR,))
        assert state.choices.feeding_objections == (OTHER,)
        assert await pool.fetchval("select count(*) from outbox") == 1
        async with transaction(pool) as connection:
            await acknowledge_copies(connection, [message(kept)])
        assert await pool.fetchval("select count(*) from outbox") == 1
