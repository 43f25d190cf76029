"""Messages that cannot be handled now are parked in order; operators see them and can redrive or discard them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.topics import IDENTITY_RECORDS
from shared.crypto.keyring import KeyUnknownError
from shared.db.pool import Connection, create_pool
from shared.errors import PermanentError, TransientError
from shared.messaging import consumer as consumer_module
from shared.messaging import parked_messages, redrive
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import InvalidRecord, KeptRecord, Message
from shared.messaging.inbox import DAYS_KEPT
from shared.messaging.redrive import DeadLetterIsNewestStateError, DeadLetterUnknownError
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import plumbing
from tests.infra.messaging.consumers import FACTS, STATES, OfflineConsumers
from tests.infra.messaging.operators import OPERATOR
from tests.infra.messaging.plumbing import Recorder, document_received, record_changed
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

SEEN = {IDENTITY_RECORDS.name: 2}


@pytest.fixture
async def consumers(new_database: NewDatabase) -> AsyncIterator[OfflineConsumers]:
    database = await new_database("consent")
    await plumbing.prepare(database)
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield OfflineConsumers(database, pool)
    pool.terminate()


async def consume(consumer: Consumer, *records: KeptRecord, times: int = 5) -> None:
    """Consumes the records until they are finished, as a worker reads them again, at most `times` times."""
    for _ in range(times):
        try:
            await consumer.consume(records)
        except TransientError:
            continue
        return


async def parked(consumers: OfflineConsumers) -> list[tuple[int, str, str | None]]:
    """Returns offset, reason and error code of each parked message."""
    rows = await consumers.pool.fetch('select "offset", reason, error_code from parked_messages order by "offset", id')
    return [tuple(row) for row in rows]


async def dead_letter_at(consumers: OfflineConsumers, offset: int) -> UUID:
    id: UUID = await consumers.pool.fetchval('select id from parked_messages where "offset" = $1', offset)
    return id


async def dead_letter_topic(consumers: OfflineConsumers) -> list[str]:
    """Returns the error codes of the messages sent to a dead-letter topic."""
    rows = await consumers.pool.fetch("select extra from outbox where topic like '%.dlt' order by id")
    return [str(row["extra"]).partition('"dlt_error_code": "')[2].partition('"')[0] for row in rows]


def refusing(consumers: OfflineConsumers, refused: set[Any]) -> None:
    """Makes the handlers refuse messages with these documents or versions."""

    def before(message: Message[Any]) -> None:
        event = message.event
        if getattr(event, "document_id", None) in refused or getattr(event, "version", None) in refused:
            raise PermanentError

    consumers.recorder.before = before


async def test_a_dead_letter_holds_the_later_messages_of_its_key_on_its_topic_alone(
    consumers: OfflineConsumers,
) -> None:
    record_id = uuid4()
    first, second, other = document_received(record_id), document_received(record_id), document_received(uuid4())
    await consume(
        consumers.consumer(), *(consumers.record(first, value=b"{"), consumers.record(second), consumers.record(other))
    )
    await consume(consumers.consumer(STATES), consumers.record(record_changed(record_id)))
    assert await parked(consumers) == [(1, "dead", "data-invalid"), (2, "behind-dead", None)]
    assert await consumers.effects() == [other.document_id]
    assert await consumers.pool.fetchval("select count(*) from seen_copies") == 1


async def test_a_redrive_that_fails_makes_a_dead_letter_with_its_new_code_and_announces_it(
    consumers: OfflineConsumers,
) -> None:
    record_id = uuid4()
    events, refused = [document_received(record_id) for _ in range(3)], set[Any]()
    refusing(consumers, refused)
    consumer = consumers.consumer()
    refused.update((events[0].document_id, events[1].document_id))
    await consume(consumer, *(consumers.record(event) for event in events))
    refused.discard(events[0].document_id)
    assert await consumers.redriver(consumer).redrive_dead_letter(await dead_letter_at(consumers, 1), OPERATOR) == (
        1,
        "unusable-message",
    )
    assert await parked(consumers) == [(2, "dead", "unusable-message"), (3, "behind-dead", None)]
    assert await dead_letter_topic(consumers) == ["unusable-message", "unusable-message"]


async def test_a_message_that_awaited_its_copy_and_cannot_be_used_then_is_a_dead_letter(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0.0)
    consumers.recorder.waits_for_copies = True
    event = document_received(uuid4(), seen=SEEN)
    refusing(consumers, {event.document_id})
    facts, states = consumers.consumer(), consumers.consumer(STATES)
    await consume(facts, consumers.record(event))
    assert await parked(consumers) == [(1, "copy-behind", None)]
    await consume(states, consumers.record(record_changed(event.record_id, 2)))
    await consumers.redriver(facts, states).redrive_parked()
    assert await parked(consumers) == [(1, "dead", "unusable-message")]
    assert await dead_letter_topic(consumers) == ["unusable-message"]


async def test_every_message_that_blocks_a_key_is_listed(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0.0)
    consumers.recorder.waits_for_copies = True
    dead, waiting, sealed = (uuid4() for _ in range(3))

    def sealed_under_another_key(message: Message[Any]) -> None:
        if message.event.record_id == sealed:
            raise KeyUnknownError("a-key")

    consumers.recorder.before = sealed_under_another_key
    records = [
        *(consumers.record(document_received(dead), value=b"{"), consumers.record(document_received(dead))),
        consumers.record(document_received(dead), value=b"["),
        consumers.record(document_received(waiting, seen=SEEN)),
        consumers.record(document_received(sealed)),
        consumers.record(document_received(sealed)),
    ]
    await consume(consumers.consumer(), *records)
    summaries = await parked_messages.list_dead_letters(await consumers.pool.acquire())
    listed = [
        (summary.offset, summary.code, summary.behind)
        for summary in sorted(summaries, key=lambda summary: summary.offset)
    ]
    assert listed == [(1, "data-invalid", 1), (3, "data-invalid", 0), (4, "copy-behind", 0), (5, "awaiting-key", 1)]


async def test_a_dead_letter_that_is_too_old_to_be_handled_again_releases_its_key(consumers: OfflineConsumers) -> None:
    record_id = uuid4()
    events = [document_received(record_id) for _ in range(3)]
    consumer = consumers.consumer()
    await consume(consumer, consumers.record(events[0], value=b"{"), consumers.record(events[1]))
    await consumers.pool.execute(
        "update parked_messages set parked_at = parked_at - $1::interval", timedelta(days=DAYS_KEPT + 1)
    )
    redriver = consumers.redriver(consumer)
    await redriver.expire()
    await redriver.redrive_parked()
    await consume(consumer, consumers.record(events[2]))
    assert await consumers.effects() == [event.document_id for event in events[1:]]
    assert await parked(consumers) == [(1, "expired", "data-invalid")]
    assert await redriver.redrive_dead_letter(await dead_letter_at(consumers, 1), OPERATOR) == (0, redrive.TOO_OLD)


@pytest.mark.parametrize("readable", [6, 5], ids=["an older dead one", "a still older one again"])
async def test_only_a_state_above_every_dead_letter_of_its_key_mends_the_copy(
    consumers: OfflineConsumers, readable: int
) -> None:
    record_id, refused = uuid4(), {6, 7}
    refusing(consumers, refused)
    consumer = consumers.consumer(STATES)
    await consume(consumer, *(consumers.record(record_changed(record_id, version)) for version in (5, 6, 7)))
    broken = "select count(*) from broken_copies"
    assert await consumers.pool.fetchval(broken) == 1
    if readable == 6:
        refused.discard(6)
        assert await consumers.redriver(consumer).redrive_dead_letter(await dead_letter_at(consumers, 2), OPERATOR) == (
            1,
            None,
        )
    else:
        await consume(consumer, consumers.record(record_changed(record_id, 5)))
    assert await consumers.pool.fetchval(broken) == 1
    await consume(consumer, consumers.record(record_changed(record_id, 8)))
    assert await consumers.pool.fetchval(broken) == 0
    assert await parked(consumers) == []


async def test_after_the_cluster_was_built_anew_the_same_offset_is_a_dead_letter_of_its_own(
    consumers: OfflineConsumers,
) -> None:
    consumer = consumers.consumer()
    for _ in range(2):
        await consume(consumer, consumers.record(document_received(uuid4()), value=b"{", offset=17))
    same = consumers.record(document_received(uuid4()), value=b"{", offset=18)
    await consume(consumer, same)
    await consume(consumer, same)
    assert [offset for offset, _, _ in await parked(consumers)] == [17, 17, 18]


async def test_a_message_under_a_key_that_is_not_here_blocks_no_partition_and_is_handled_once_it_is(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, others, missing = document_received(uuid4()), [document_received(uuid4()) for _ in range(4)], True

    def before(message: Message[Any]) -> None:
        if missing and message.event.document_id == sealed.document_id:
            raise KeyUnknownError("a-key")

    consumers.recorder.before = before
    consumer = consumers.consumer()
    records = [consumers.record(event) for event in (*others[:2], sealed, *others[2:])]
    await consume(consumer, *records)
    assert await parked(consumers) == []
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0.0)
    await consume(consumer, *records)
    assert await parked(consumers) == [(3, "awaiting-key", None)]
    redriver = consumers.redriver(consumer)
    await redriver.redrive_parked()
    assert await parked(consumers) == [(3, "awaiting-key", None)]
    missing = False
    await redriver.redrive_parked()
    assert await parked(consumers) == []
    assert sorted(await consumers.effects()) == sorted(event.document_id for event in (*others, sealed))


# -- Time-outs, bugs, and the circuit breaker -------------------------------------------------------------------------


async def test_a_batch_that_times_out_is_halved_until_the_culprit_is_alone(consumers: OfflineConsumers) -> None:
    events = [document_received(uuid4()) for _ in range(16)]
    culprit, tries = events[5], 0

    async def handle(connection: Connection, messages: list[Message[Any]]) -> None:
        nonlocal tries
        await consumers.recorder.record(connection, messages)
        if any(message.event.document_id == culprit.document_id for message in messages):
            tries += len(messages) == 1
            await connection.execute("set local statement_timeout = 50; select pg_sleep(60)")

    await consume(consumers.consumer(handle=handle), *(consumers.record(event) for event in events))
    assert tries == consumer_module.MAX_ATTEMPTS
    assert await parked(consumers) == [(6, "dead", "handler-timed-out")]
    assert sorted(await consumers.effects()) == sorted(event.document_id for event in events if event is not culprit)


async def test_the_attempts_of_a_message_are_not_forgotten_when_another_partition_is_finished(
    consumers: OfflineConsumers,
) -> None:
    poison = document_received(uuid4())

    def before(message: Message[Any]) -> None:
        if message.event.document_id == poison.document_id:
            raise KeyError("a bug")

    consumers.recorder.before = before
    consumer, record = consumers.consumer(), consumers.record(poison)
    for _ in range(consumer_module.MAX_ATTEMPTS):
        await consume(consumer, record, times=1)
        await consume(consumer, consumers.record(document_received(uuid4()), partition=1), times=1)
    assert await parked(consumers) == [(1, "dead", "handler-failed")]
    assert consumer._attempts == {}


@pytest.mark.parametrize("where", ["in their bytes", "in the handler"])
async def test_the_breaker_opens_within_one_batch_of_bad_messages(consumers: OfflineConsumers, where: str) -> None:
    events = [document_received(uuid4()) for _ in range(500)]
    if where == "in the handler":
        refusing(consumers, {event.document_id for event in events})
    value = {"value": b"{"} if where == "in their bytes" else {}
    consumer = consumers.consumer()
    await consume(consumer, *(consumers.record(event, **value) for event in events))
    assert consumer.circuit_breaker.is_open
    assert 0 < len(await parked(consumers)) < 20


def is_stopped(consumer: Consumer) -> bool:
    return consumer.circuit_breaker.is_open


async def test_the_breaker_closes_by_itself_once_a_trial_succeeds(consumers: OfflineConsumers) -> None:
    bad, good = [document_received(uuid4()) for _ in range(10)], [document_received(uuid4()) for _ in range(5)]
    refusing(consumers, {event.document_id for event in bad})
    consumer = consumers.consumer()
    await consume(consumer, *(consumers.record(event) for event in bad))
    assert is_stopped(consumer)
    records = [consumers.record(event) for event in good]
    await consume(consumer, *records)
    assert await consumers.effects() == []
    consumer.circuit_breaker._next_trial = 0.0
    await consume(consumer, *records)
    assert not is_stopped(consumer)
    assert await consumers.effects() == [event.document_id for event in good]


async def test_what_is_parked_behind_a_dead_letter_is_no_successful_trial(consumers: OfflineConsumers) -> None:
    record_id, consumer = uuid4(), consumers.consumer()
    await consume(consumer, *(consumers.record(document_received(record_id), value=b"{") for _ in range(10)))
    assert consumer.circuit_breaker.is_open
    consumer.circuit_breaker._next_trial = 0.0
    await consume(consumer, consumers.record(document_received(record_id)))
    assert consumer.circuit_breaker.is_open


async def test_dead_letters_alone_never_stop_a_group_in_which_nothing_waits_behind_them(
    consumers: OfflineConsumers,
) -> None:
    entered: list[int] = []

    async def enter(_: Connection, invalid_records: list[InvalidRecord]) -> None:
        entered.extend(invalid_record.record.offset for invalid_record in invalid_records)

    consumer, record_id = consumers.consumer(quarantine=enter), uuid4()
    good = document_received(record_id)
    bad = [consumers.record(document_received(record_id), value=b"{") for _ in range(100)]
    await consume(consumer, *bad, consumers.record(good))
    assert entered == list(range(1, 101))
    assert await consumers.effects() == [good.document_id]
    assert not consumer.circuit_breaker.is_open


async def test_each_dead_letter_of_the_ledger_is_redriven_alone_and_what_awaits_a_key_waits_behind_none(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "PARK_AFTER_S", 0.0)

    async def enter(_: Connection, __: list[InvalidRecord]) -> None:
        """Replaces the ledger's handler, which would store it."""

    record_id, missing, refused = uuid4(), True, set[Any]()
    events = [document_received(record_id) for _ in range(3)]
    refusing(consumers, refused)
    refused.add(events[1].document_id)
    refuse = consumers.recorder.before

    def before(message: Message[Any]) -> None:
        refuse(message)
        if missing and message.event.document_id == events[2].document_id:
            raise KeyUnknownError("a-key")

    consumers.recorder.before = before
    consumer = consumers.consumer(quarantine=enter)
    await consume(
        consumer,
        consumers.record(events[0], value=b"{"),
        consumers.record(events[1]),
        consumers.record(events[2]),
        times=8,
    )
    assert [reason for _, reason, _ in await parked(consumers)] == ["dead", "dead", "awaiting-key"]
    redriver = consumers.redriver(consumer)
    refused.clear()
    assert await redriver.redrive_dead_letter(await dead_letter_at(consumers, 2), OPERATOR) == (1, None)
    missing = False
    await redriver.redrive_parked()
    assert await parked(consumers) == [(1, "dead", "data-invalid")]


async def test_a_redrive_that_goes_wrong_is_no_failure_of_the_states_that_were_applied(
    consumers: OfflineConsumers,
) -> None:
    async def fail(_: set[bytes], __: object) -> None:
        raise KeyError("a bug in redriving")

    consumer = consumers.consumer(STATES)
    consumer.on_states_applied = fail
    record = consumers.record(record_changed(uuid4()))
    with pytest.raises(KeyError):
        await consumer.consume([record])
    assert await consumers.pool.fetchval("select count(*) from seen_copies") == 1
    assert await parked(consumers) == []
    assert consumer._attempts == {}


# -- The sweep, and several redrivers ---------------------------------------------------------------------------------


async def park_many(consumers: OfflineConsumers, group: str, count: int) -> list[UUID]:
    """Parks messages that await a copy, each with a separate key. Returns their documents."""
    events = [document_received(uuid4()) for _ in range(count)]
    parked = [
        parked_messages.RecordToPark(consumers.record(event), "records.documents.v1", "copy-behind") for event in events
    ]
    async with consumers.pool.acquire() as connection:
        await parked_messages.park(connection, group, parked)
    return [event.document_id for event in events]


async def test_the_sweep_comes_to_every_key_though_a_thousand_others_still_wait(
    consumers: OfflineConsumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        parked_messages, "SELECT_PARKED_KEYS", parked_messages.SELECT_PARKED_KEYS.replace("limit 1000", "limit 3")
    )
    monkeypatch.setattr(redrive, "PARKED_KEYS_PAGE", 3)
    stuck = set(await park_many(consumers, FACTS, 10))
    free = await park_many(consumers, FACTS, 5)
    rounds = 0

    async def awaiting_version(_: Connection, messages: list[Message[Any]]) -> set[UUID]:
        return {message.id for message in messages if message.event.document_id in stuck}

    def count() -> None:
        nonlocal rounds
        rounds += 1

    await consumers.redriver(consumers.consumer(awaiting_version=awaiting_version)).redrive_parked(None, count)
    assert sorted(await consumers.effects()) == sorted(free)
    assert rounds == 15


async def test_what_a_group_of_another_release_has_parked_stops_no_sweep(consumers: OfflineConsumers) -> None:
    await park_many(consumers, "consent.another-group", 1)
    mine = await park_many(consumers, FACTS, 1)
    redriver = consumers.redriver(consumers.consumer())
    await redriver.redrive_parked()
    assert await consumers.effects() == mine
    assert await redriver.redrive_dead_letter(await dead_letter_at(consumers, 1), OPERATOR) == (
        0,
        redrive.GROUP_UNKNOWN,
    )


async def test_a_key_too_long_for_an_index_is_parked_all_the_same(consumers: OfflineConsumers) -> None:
    long = b"".join(uuid4().bytes for _ in range(1000))
    await consume(consumers.consumer(), consumers.record(document_received(uuid4()), key=long))
    await consume(consumers.consumer(STATES), consumers.record(record_changed(uuid4()), key=long))
    assert [code for _, _, code in await parked(consumers)] == ["key-mismatch"] * 2


# -- Operators --------------------------------------------------------------------------------------------------------


async def test_a_discarded_dead_letter_releases_its_key_and_the_ledger_says_who_did_it(
    consumers: OfflineConsumers,
) -> None:
    record_id = uuid4()
    second = document_received(record_id)
    consumer = consumers.consumer()
    await consume(consumer, consumers.record(document_received(record_id), value=b"{"), consumers.record(second))
    redriver = consumers.redriver(consumer)
    dead_letter_id = await dead_letter_at(consumers, 1)
    assert await redriver.discard(dead_letter_id, OPERATOR, "sent-twice") == (1, None)
    assert await consumers.effects() == [second.document_id]
    assert await parked(consumers) == []
    [body] = await accesses(consumers)
    entry = AccessRecorded.model_validate_json(body)
    assert (entry.record_id, entry.action, entry.reason) == (record_id, "discard-dead-letter", "sent-twice")
    assert entry.actor == OPERATOR
    with pytest.raises(DeadLetterUnknownError):
        await redriver.discard(dead_letter_id, OPERATOR, "sent-twice")


async def accesses(consumers: OfflineConsumers) -> Sequence[bytes]:
    rows = await consumers.pool.fetch("select payload from outbox where event_type = $1", AccessRecorded.ce_type)
    return [row["payload"] for row in rows]


async def test_the_newest_state_of_a_key_cannot_be_discarded_but_an_older_one_can(consumers: OfflineConsumers) -> None:
    record_id, consumer = uuid4(), consumers.consumer(STATES)
    await consume(consumer, *(consumers.record(record_changed(record_id, version), value=b"{") for version in (6, 7)))
    redriver = consumers.redriver(consumer)
    with pytest.raises(DeadLetterIsNewestStateError):
        await redriver.discard(await dead_letter_at(consumers, 2), OPERATOR, "test-data")
    assert await redriver.discard(await dead_letter_at(consumers, 1), OPERATOR, "test-data") == (0, None)
    assert await consumers.pool.fetchval("select count(*) from broken_copies") == 1
    assert await parked(consumers) == [(2, "dead", "data-invalid")]


async def test_operators_filter_discard_and_reset_and_nobody_else_does(
    new_database: NewDatabase, kafka: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    app = make_worker_app(
        Plan("consent", Recorder().subscriptions(), keys=TestKeys()), plumbing.settings(database, kafka)
    )
    operator = bearer(operator_token())
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker", headers=operator) as client,
    ):
        for key in (b"one", b"two"):
            await kafka.put_raw("records.documents.v1", b"secret", key, {}, partition=0)
        await eventually(lambda: plumbing.value(database, "select count(*) = 2 from parked_messages"))
        await check_filters(client)
        [first, second] = (await client.get("/dead-letters")).json()
        path = f"/dead-letters/{first['id']}/discard"
        assert (await client.post(path, json={"reason": "Mme Exemple a appelé"})).status_code == 422
        assert (await client.post(path, json={"reason": "test-data"})).json() == {"handled": 0, "hindrance": None}
        assert (await client.post(path, json={"reason": "test-data"})).json()["code"] == "letter-unknown"
        assert (await client.get(f"/dead-letters/{second['id']}")).json() == second
        assert (await client.get(f"/dead-letters/{first['id']}")).status_code == 404
        await check_offsets(client, database)
        for headers, status in (({"authorization": ""}, 401), (bearer(patient_token(uuid4())), 403)):
            assert (await client.post(path, json={"reason": "test-data"}, headers=headers)).status_code == status
            assert (await client.get("/offsets", headers=headers)).status_code == status
            reset = await client.post(f"/offsets/{FACTS}/reset", json={"to": "beginning"}, headers=headers)
            assert reset.status_code == status
    assert "message.discarded" in capsys.readouterr().out


async def check_filters(client: httpx2.AsyncClient) -> None:
    async def count(**filters: Any) -> int:
        return len((await client.get("/dead-letters", params=filters)).json())

    assert await count() == 2
    assert await count(limit=1) == 1
    assert await count(group=FACTS, code="envelope-invalid", before=(clock.now() + timedelta(days=1)).isoformat()) == 2
    assert await count(group=STATES) == 0
    assert await count(code="data-invalid") == 0
    assert await count(before=(clock.now() - timedelta(days=1)).isoformat()) == 0


async def check_offsets(client: httpx2.AsyncClient, database: Any) -> None:
    async def lost() -> list[tuple[str, int, int]]:
        stored = (await client.get("/offsets")).json()
        return [(offset["group"], offset["partition"], offset["next"]) for offset in stored if offset["is_lost"]]

    assert await lost() == []
    reset, beginning = f"/offsets/{FACTS}/reset", {"to": "beginning"}
    assert (await client.post(reset, json=beginning)).json() == []
    move = "update consumer_offsets set next = 1000 where group_name = $1 and partition = 1 returning true"
    await plumbing.value(database, move, FACTS)
    assert await lost() == [(FACTS, 1, 1000)]
    assert [offset["next"] for offset in (await client.post(reset, json=beginning)).json()] == [1000]
    assert await lost() == []
    assert (await client.post(reset, json={"to": "end"})).status_code == 422
    unknown = await client.post("/offsets/consent.nothing/reset", json=beginning)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "group-unknown")


async def test_two_redrivers_at_once_do_nothing_twice_and_nothing_out_of_order(consumers: OfflineConsumers) -> None:
    record_id, consumer = uuid4(), consumers.consumer(uses_inbox=False)
    events = [document_received(record_id) for _ in range(10)]
    refused = {events[0].document_id}
    refusing(consumers, refused)
    await consume(consumer, *(consumers.record(event) for event in events))
    refused.clear()
    dead_letter_id = await dead_letter_at(consumers, 1)

    async def redrive() -> None:
        try:
            await consumers.redriver(consumer).redrive_dead_letter(dead_letter_id, OPERATOR)
        except DeadLetterUnknownError:
            return

    await asyncio.gather(*(redrive() for _ in range(4)))
    while await parked(consumers):
        await consumers.redriver(consumer).redrive_parked()
    assert await consumers.effects() == [event.document_id for event in events]
