"""Consent's worker on a real broker: told of records and deposits, it answers; what it cannot judge yet waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from services.consent.choices.store import states as store
from services.consent.consumers import subscriptions
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.records import CopyApplied
from shared.runtime.tracing import trace_id
from shared.service.worker import Plan, WorkerRuntime, at_work
from tests.infra.consent.changes import choose
from tests.infra.http.tokens import TestKeys
from tests.infra.messaging.plumbing import document_received, record_changed, settings
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

RECORDS, STATES, DECISIONS = "identity.records.v1", "consent.states.v1", "consent.decisions.v1"
TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


@asynccontextmanager
async def worker(database: Database, kafka: Topics) -> AsyncIterator[WorkerRuntime]:
    async with at_work(Plan("consent", subscriptions(), keys=TestKeys()), settings(database, kafka)) as runtime:
        yield runtime


async def test_a_record_is_opened_a_deposit_decided_and_a_change_of_rights_comes_in_force(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with worker(database, kafka) as runtime:
        await kafka.put(record_changed(record_id))
        await kafka.wait_for(
            STATES, lambda messages: any(isinstance(message.event, ConsentStateChanged) for message in messages)
        )

        await kafka.put(document_received(record_id, seen={RECORDS: 1}), trace=TRACE)
        [permitted] = await kafka.wait_for(DECISIONS, lambda messages: len(messages) == 1)
        assert isinstance(permitted.event, DepositDecided)
        assert permitted.event.outcome == "permitted"
        assert trace_id(permitted.trace) == trace_id(TRACE)

        objected = await choose(runtime.pool, record_id, "object-to-feeding", "1750000001")
        assert not objected.is_in_force
        await kafka.put(CopyApplied(record_id=record_id, topic=STATES, version=objected.version))

        async def is_in_force() -> bool:
            state = await store.find_state(runtime.pool, record_id)
            return state is not None and state.is_in_force

        await eventually(is_in_force)
        await kafka.put(document_received(record_id, seen={RECORDS: 1}))
        decided = await kafka.wait_for(DECISIONS, lambda messages: len(messages) == 2)
        reasons = [message.event.reason for message in decided if isinstance(message.event, DepositDecided)]
        assert reasons == ["feeding", "consent-opposed"]


async def test_a_deposit_that_comes_before_its_record_waits_and_others_of_its_batch_do_not(
    database: Database, kafka: Topics
) -> None:
    opened_id, late_id = uuid4(), uuid4()
    async with worker(database, kafka):
        await kafka.put(record_changed(opened_id))
        await kafka.wait_for(
            STATES, lambda messages: any(isinstance(message.event, ConsentStateChanged) for message in messages)
        )
        early, ready = document_received(late_id, seen={RECORDS: 1}), document_received(opened_id, seen={RECORDS: 1})
        await kafka.put(early)
        await kafka.put(ready)
        [first] = await kafka.wait_for(DECISIONS, lambda messages: len(messages) == 1)
        assert isinstance(first.event, DepositDecided)
        assert first.event.document_id == ready.document_id
        await kafka.put(record_changed(late_id))
        decided = await kafka.wait_for(DECISIONS, lambda messages: len(messages) == 2)
        ids = {message.event.document_id for message in decided if isinstance(message.event, DepositDecided)}
        assert ids == {ready.document_id, early.document_id}


async def test_deposits_made_while_consent_was_away_are_decided_once_each_when_it_is_back(
    database: Database, kafka: Topics
) -> None:
    record_id = uuid4()
    async with worker(database, kafka):
        await kafka.put(record_changed(record_id))
        await kafka.wait_for(
            STATES, lambda messages: any(isinstance(message.event, ConsentStateChanged) for message in messages)
        )
    deposits = [document_received(record_id, seen={RECORDS: 1}) for _ in range(20)]
    for deposit in deposits:
        id = await kafka.put(deposit)
        headers = {"ce_id": str(id.id), "ce_type": id.type, "ce_time": id.occurred_at.isoformat()}
        await kafka.put_raw(id.topic.name, id.body, id.key.encode(), headers)  # and once more, as a relay may
    async with worker(database, kafka):
        decided = await kafka.wait_for(DECISIONS, lambda messages: len(messages) >= 20)
        assert len({message.id for message in decided}) == 20
        assert [message.event.document_id for message in decided if isinstance(message.event, DepositDecided)] == [
            deposit.document_id for deposit in deposits
        ]
