"""Messages about an erased record are dropped before they have any effect, and nothing brings the record back."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from shared.contracts.consent import ConsentStateChanged
from shared.contracts.topics import CONSENT_DEPOSIT_CHECKS, CONSENT_ERASURES, IDENTITY_ERASURES
from shared.db.pool import Connection, create_pool, transaction
from shared.erasure import erased_records
from shared.errors import PermanentError
from shared.messaging import consumer as consumer_module
from shared.messaging import offsets
from shared.messaging.batch_outcomes import keys_on_broken_copies
from shared.messaging.outbox import announce, append
from shared.messaging.redrive import Redriver
from shared.messaging.subscription import Subscription
from shared.runtime import clock
from shared.runtime.metrics import DROPPED
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.audit.keys import MOTIVES
from tests.infra.erasure.erasing import erased
from tests.infra.messaging import plumbing
from tests.infra.messaging.consumers import FACTS, STATES, OfflineConsumers
from tests.infra.messaging.operators import OPERATOR
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually


@pytest.fixture
async def consumers(new_database: NewDatabase) -> Any:
    database = await new_database("consent")
    await plumbing.prepare(database)
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield OfflineConsumers(database, pool)
    pool.terminate()


def dropped(group: str = FACTS) -> float:
    count: float = DROPPED.labels(group)._value.get()
    return count


async def test_a_message_about_an_erased_record_is_dropped_and_counted_and_its_neighbours_are_done(
    consumers: OfflineConsumers,
) -> None:
    gone, there = document_received(uuid4()), [document_received(uuid4()) for _ in range(2)]
    await consumers.erase(gone.record_id)
    before = dropped()
    await consumers.consumer().consume([consumers.record(event) for event in (there[0], gone, there[1], gone)])
    assert await consumers.effects() == [event.document_id for event in there]
    assert dropped() == before + 2
    assert await consumers.left(gone.record_id) == set()


async def test_a_late_state_of_an_erased_record_is_no_copy(consumers: OfflineConsumers) -> None:
    record_id = uuid4()
    await consumers.erase(record_id)
    applied: list[set[bytes]] = []

    async def after(keys: set[bytes], _: object) -> None:
        applied.append(keys)

    consumer = consumers.consumer(STATES)
    consumer.on_states_applied = after
    await consumer.consume([consumers.record(record_changed(record_id, 9))])
    assert await consumers.left(record_id) == set()
    assert applied == []


@pytest.mark.parametrize("group", [FACTS, STATES])
async def test_what_cannot_be_used_of_an_erased_record_is_no_letter_and_breaks_no_copy(
    consumers: OfflineConsumers, group: str
) -> None:
    record_id = uuid4()
    event = document_received(record_id) if group == FACTS else record_changed(record_id)
    await consumers.erase(record_id)
    bad = consumers.record(event, value=b"\x00 garbage", key=str(record_id).upper().encode())
    await consumers.consumer(group).consume([bad, consumers.record(event, headers=[])])
    assert await consumers.left(record_id) == set()
    assert await consumers.pool.fetchval("select count(*) from parked_messages") == 0


async def test_a_tombstone_leaves_no_letter_and_no_broken_copy(consumers: OfflineConsumers) -> None:
    record = consumers.record(record_changed(uuid4()), value=None)
    await consumers.consumer(STATES).consume([record])
    assert await consumers.pool.fetchval("select count(*) from parked_messages") == 0
    assert await consumers.pool.fetchval("select count(*) from broken_copies") == 0


async def test_keys_that_are_no_records_are_not_asked(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[set[UUID]] = []
    begin = offsets.begin_batch

    async def noting(connection: Any, group: Any, positions: Any, nexts: Any, record_ids: Any, keys: Any) -> Any:
        looked_up.append(set(record_ids.values()))
        return await begin(connection, group, positions, nexts, record_ids, keys)

    monkeypatch.setattr(offsets, "begin_batch", noting)
    event = document_received(uuid4())
    await consumers.consumer().consume(
        [consumers.record(event, key=key) for key in (b"heartbeat-1", b"\xff\x00", b"", None, b"899700000001")]
    )
    assert looked_up == [set()]
    await consumers.consumer().consume([consumers.record(event), consumers.record(event)])
    assert looked_up == [set(), {event.record_id}]


async def test_who_does_not_heed_erasures_is_given_everything(consumers: OfflineConsumers) -> None:
    event = document_received(uuid4())
    await consumers.erase(event.record_id)
    await consumers.consumer(skips_erased_records=False).consume([consumers.record(event)])
    assert await consumers.effects() == [event.document_id]


async def test_an_erased_record_is_dropped_before_it_waits_for_a_copy(consumers: OfflineConsumers) -> None:
    consumers.recorder.waits_for_copies = True
    event = document_received(uuid4(), seen={"identity.records.v1": 7})
    await consumers.erase(event.record_id)
    await consumers.consumer().consume([consumers.record(event)])
    assert await consumers.effects() == []


async def test_what_waited_for_a_copy_when_the_erasure_came_is_not_put_aside(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers.recorder.waits_for_copies = True
    event = document_received(uuid4(), seen={"identity.records.v1": 7})
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0)
    consumer = consumers.consumer()

    async def erase_and_look(connection: Any, awaiting: Any) -> Any:
        await consumers.erase(event.record_id)
        return await keys_on_broken_copies(connection, awaiting)

    monkeypatch.setattr(consumer_module, "keys_on_broken_copies", erase_and_look)
    await consumer.consume([consumers.record(event)])
    assert await consumers.left(event.record_id) == set()


async def test_what_failed_while_the_erasure_began_is_no_dead_letter(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermanentError

    consumers.recorder.before = refuse
    event = document_received(uuid4())
    consumer = consumers.consumer()
    make_dead_letter = consumer._make_dead_letter

    async def erase_and_make_dead_letter(batch: Any, item: Any, code: str) -> None:
        await consumers.erase(event.record_id)
        await make_dead_letter(batch, item, code)

    monkeypatch.setattr(consumer, "_make_dead_letter", erase_and_make_dead_letter)
    await consumer.consume([consumers.record(event)])
    assert await consumers.left(event.record_id) == set()


@pytest.mark.parametrize("body", [None, b"\x00 garbage"])
async def test_a_letter_about_an_erased_record_is_redriven_into_nothing(
    consumers: OfflineConsumers, body: bytes | None
) -> None:
    event = document_received(uuid4())
    record = consumers.record(event) if body is None else consumers.record(event, value=body)
    dead_letter_id = uuid4()
    await consumers.erase(event.record_id)
    await consumers.pool.execute(
        'insert into parked_messages (id, group_name, topic, partition, "offset", key, headers, body, reason)'
        " values ($1, $2, $3, 0, 1, $4, $5, $6, 'dead')",
        dead_letter_id,
        FACTS,
        record.topic,
        record.key,
        orjson.dumps([(name, base64.b64encode(value or b"").decode()) for name, value in record.headers]).decode(),
        record.value,
    )
    redriver = Redriver(consumers.pool, {FACTS: consumers.consumer()})
    assert await redriver.redrive_dead_letter(dead_letter_id, OPERATOR) == (1, None)
    assert await consumers.effects() == []
    assert await consumers.left(event.record_id) == set()


async def test_beginning_destroys_what_waits_here_but_not_what_the_ledger_is_told(consumers: OfflineConsumers) -> None:
    from tests.shared.messaging.test_flow import access

    gone, other = document_received(uuid4()), document_received(uuid4())
    state = ConsentStateChanged(record_id=gone.record_id, version=1, changed_at=clock.now())
    bad = [consumers.record(event, value=b"garbage") for event in (gone, other)]
    await consumers.consumer().consume([*bad, consumers.record(gone), consumers.record(other)])
    await consumers.consumer(STATES).consume([consumers.record(record_changed(gone.record_id), value=b"garbage")])
    async with transaction(consumers.pool) as connection:
        await append(
            connection,
            [
                announce(gone, "records"),
                announce(access(gone.record_id, 1), "records"),
                announce(state, "consent"),
                announce(other, "records"),
            ],
        )
    assert await consumers.left(gone.record_id) >= {"parked_messages", "broken_copies", "outbox"}
    await consumers.erase(gone.record_id)
    assert await consumers.left(gone.record_id) == {"outbox"}
    rows = await consumers.pool.fetch("select topic from outbox where key = $1", str(gone.record_id).encode())
    assert [row["topic"] for row in rows] == ["records.documents.v1", "records.accesses.v1"]
    assert await consumers.left(other.record_id) >= {"parked_messages", "outbox"}


async def test_an_erasure_that_begins_twice_is_acknowledged_once_and_under_another_id_again(
    consumers: OfflineConsumers,
) -> None:
    record_id, first, other = uuid4(), uuid4(), uuid4()
    finisher = erased_records.ErasureFinisher("consent", remove_nothing)

    async def begin(erasure_id: UUID) -> bool:
        async with transaction(consumers.pool) as connection:
            is_new = await erased_records.begin(connection, record_id, erasure_id, clock.now())
        await finisher.round(consumers.pool)
        return is_new

    assert [await begin(id) for id in (first, first, other, other)] == [True, False, False, False]
    rows = await consumers.pool.fetch("select payload from outbox order by id")
    assert [orjson.loads(row["payload"])["erasure_id"] for row in rows] == [str(first), str(other)]


async def remove_nothing(_: Connection, __: UUID) -> dict[str, int]:
    return {}


async def test_an_erasure_waits_for_who_writes_about_the_record_and_who_comes_later_sees_it(
    consumers: OfflineConsumers,
) -> None:
    event = document_received(uuid4())
    async with consumers.pool.acquire() as writing:
        begun = writing.transaction()
        await begun.start()
        assert await erased_records.erased_among(writing, [event.record_id]) == set()
        erasure = asyncio.create_task(consumers.erase(event.record_id))
        await eventually(lambda: waits_for_lock(consumers.database, 1))
        late = asyncio.create_task(consumers.consumer().consume([consumers.record(event)]))
        await eventually(lambda: waits_for_lock(consumers.database, 2))
        await writing.execute(plumbing.INSERT_EFFECT, uuid4(), event.record_id, event.document_id)
        await begun.commit()
    await erasure
    await late
    assert await consumers.effects() == [event.document_id]


async def waits_for_lock(database: Database, count: int) -> bool:
    query = """
        select count(*) from pg_locks where not granted and locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())"""
    return bool(await plumbing.value(database, query) >= count)


async def test_many_erasures_at_once_and_many_who_ask_do_not_stop_each_other(consumers: OfflineConsumers) -> None:
    ids = [uuid4() for _ in range(60)]

    async def ask(some: Sequence[UUID]) -> None:
        await consumers.consumer().consume([consumers.record(document_received(record_id)) for record_id in some])

    async def begin(some: Sequence[UUID]) -> None:
        async with transaction(consumers.pool) as connection:
            await erased_records.hold(connection, some)
            for record_id in some:
                await erased_records.begin(connection, record_id, uuid4(), clock.now())

    await asyncio.gather(*(ask(ids[n::3]) for n in range(3)), *(begin(ids[n::4][::-1]) for n in range(4)))
    assert await consumers.pool.fetchval("select count(*) from erased_records") == 60


async def test_the_counts_of_several_batches_add_up_and_are_told_once(consumers: OfflineConsumers) -> None:
    record_id = uuid4()
    await consumers.erase(record_id)
    batches = [{"pages": 3, "keys": 1}, {"pages": 2, "keys": 0}]

    async def remove(_connection: Connection, _record_id: UUID) -> dict[str, int]:
        return batches.pop(0) if batches else {"pages": 0}

    finisher = erased_records.ErasureFinisher("consent", remove)
    for _ in range(3):
        await finisher.round(consumers.pool)
    rows = await consumers.pool.fetch("select payload, topic from outbox")
    [acknowledgement] = [orjson.loads(row["payload"]) for row in rows]
    assert (acknowledgement["service"], acknowledgement["destroyed"]) == ("consent", {"pages": 5, "keys": 1})
    assert rows[0]["topic"] == "consent.erasure-acknowledgements.v1"


async def test_a_record_that_another_worker_is_at_is_left_to_it(consumers: OfflineConsumers) -> None:
    record_id = uuid4()
    await consumers.erase(record_id)

    async def remove(_connection: Connection, _record_id: UUID) -> dict[str, int]:
        raise AssertionError("the other one does it")

    async with consumers.pool.acquire() as other, other.transaction():
        await other.execute("select from erased_records where record_id = $1 for update", record_id)
        await erased_records.ErasureFinisher("consent", remove).round(consumers.pool)
        assert await consumers.pool.fetchval("select acknowledged_at from erased_records") is None


def test_groups_that_deal_with_erasure_do_not_heed_it() -> None:
    from services.audit.consumers import subscriptions as of_audit
    from services.consent.consumers import subscriptions as of_consent

    all_subscriptions: list[Subscription] = [*of_audit(MOTIVES), *of_consent()]
    unheeding = {subscription.group.name for subscription in all_subscriptions if not subscription.skips_erased_records}
    assert unheeding == {"audit.ledger", "audit.erasures", "consent.erasures"}
    assert CONSENT_ERASURES.topics == (IDENTITY_ERASURES,)
    assert CONSENT_DEPOSIT_CHECKS.name not in unheeding


def test_the_fact_is_keyed_by_its_record() -> None:
    record_id = uuid4()
    assert erased(record_id).key == str(record_id)


async def test_an_erasure_finds_what_waits_by_its_key_however_much_else_waits(consumers: OfflineConsumers) -> None:
    """Hundreds of erasures begin in one transaction, perhaps while the broker is away and the outbox is full."""
    async with transaction(consumers.pool) as connection:
        await connection.execute(
            "insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at) "
            "select 'consent.states.v1', gen_random_uuid()::text::bytea, gen_random_uuid(), 'x', 'x', 'x', now() "
            "from generate_series(1, 50000)"
        )
        record = uuid4()
        for statement, values in (
            (erased_records.DELETE_UNSENT, (str(record).encode(), [])),
            (erased_records.DELETE_PARKED, (str(record).encode(),)),
        ):
            plan = await connection.fetch(f"explain {statement}", *values)
            assert "key_idx" in "".join(row[0] for row in plan), statement
