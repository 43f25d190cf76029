"""An operator's act and its entry of the ledger are one transaction: neither stands without the other."""

from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from shared.contracts.audit import OperatorActed
from shared.contracts.topics import ACCESSES, CONSENT_STATES
from shared.db.pool import Connection, transaction
from shared.messaging import positions, redrive
from shared.messaging.outbox import recovery, refused
from shared.messaging.outbox.recovery import CopyAhead, Recovery
from shared.messaging.parked_messages import RecordToPark, park
from shared.messaging.positions import Positions
from shared.messaging.redrive import Redriver
from shared.service.worker import Plan, make_worker_app
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys, bearer, operator_token, patient_token
from tests.infra.messaging import plumbing
from tests.infra.messaging.consumers import FACTS, OfflineConsumers
from tests.infra.messaging.lost_commits import app_pool
from tests.infra.messaging.operators import OPERATOR
from tests.infra.messaging.plumbing import document_received
from tests.infra.platform.topics import Topics

ENTRIES = "select payload, xmin::text as transaction from outbox where event_type = $1 order by id"
REFUSED = """
insert into refused_announcements
  (event_id, topic, key, event_type, subject, traceparent, occurred_at, payload, error_code)
values ($1, 'consent.accesses.v1', 'key', 'consent.type.v1', 'key', '00-0-0-00', now(), '{}', 'record-too-large')"""
PLACE = """
insert into consumer_offsets (group_name, topic, partition, next, cluster_id)
values ($1, 'records.documents.v1', 0, 1000, 'cluster')"""


@pytest.fixture
async def consumers(new_database: NewDatabase) -> AsyncIterator[OfflineConsumers]:
    database = await new_database("consent")
    await plumbing.prepare(database)
    async with app_pool(database) as pool:
        yield OfflineConsumers(database, pool)


async def acts(consumers: OfflineConsumers) -> list[tuple[OperatorActed, str]]:
    """Returns the entries of operators' acts that wait in the outbox, each with its transaction."""
    rows = await consumers.pool.fetch(ENTRIES, OperatorActed.ce_type)
    return [(OperatorActed.model_validate_json(row["payload"]), row["transaction"]) for row in rows]


async def dead_letter(consumers: OfflineConsumers, **changed: Any) -> tuple[Redriver, UUID]:
    """Stores a dead letter. Returns its redriver and its id. `changed`: what is wrong with it; nothing any more."""
    consumer, record = consumers.consumer(uses_inbox=False), consumers.record(document_received(uuid4()), **changed)
    async with transaction(consumers.pool) as connection:
        await park(connection, consumer.name, [RecordToPark(record, record.topic, "dead", "invalid")])
    id = await consumers.pool.fetchval("select id from parked_messages")
    return consumers.redriver(consumer), id


class OneBroker:
    """A client of a broker whose partitions begin at 3 and end at 9."""

    async def beginning_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 3)

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, 9)


async def reset(consumers: OfflineConsumers) -> None:
    place = Positions(consumers.pool, FACTS, "")
    place.cluster_id = "cluster"
    await place.reset_lost(OneBroker(), OPERATOR)


async def test_a_redriven_dead_letter_is_handled_in_the_transaction_of_its_entry(consumers: OfflineConsumers) -> None:
    redriver, id = await dead_letter(consumers)
    assert await redriver.redrive_dead_letter(id, OPERATOR) == (1, None)
    [(entry, wrote)] = await acts(consumers)
    assert (entry.action, entry.subject_id, entry.outcome) == ("redrive-dead-letter", str(id), "permitted")
    assert entry.actor == OPERATOR
    assert await consumers.pool.fetchval("select xmin::text from effects") == wrote


async def test_a_redrive_that_fails_for_good_is_entered_with_its_code(consumers: OfflineConsumers) -> None:
    redriver, id = await dead_letter(consumers, value=b"{")
    assert (await redriver.redrive_dead_letter(id, OPERATOR)).hindrance == "data-invalid"
    [(entry, _)] = await acts(consumers)
    assert (entry.outcome, entry.reason) == ("refused", "data-invalid")


async def test_a_dead_letter_about_no_record_is_discarded_with_an_entry(consumers: OfflineConsumers) -> None:
    redriver, id = await dead_letter(consumers, value=b"{", key=b"no record")
    await redriver.discard(id, OPERATOR, "test-data")
    [(entry, _)] = await acts(consumers)
    assert (entry.action, entry.subject_id, entry.reason) == ("discard-dead-letter", str(id), "test-data")


async def test_offsets_are_reset_in_the_transaction_of_their_entry(consumers: OfflineConsumers) -> None:
    await consumers.pool.execute(PLACE, FACTS)
    await reset(consumers)
    [(entry, wrote)] = await acts(consumers)
    assert (entry.action, entry.subject_id, entry.count) == ("reset-offsets", FACTS, 1)
    [stored] = await consumers.pool.fetch("select next, xmin::text as transaction from consumer_offsets")
    assert (stored["next"], stored["transaction"]) == (3, wrote)
    await reset(consumers)
    assert len(await acts(consumers)) == 1, "nothing was lost any more"


async def test_states_are_withheld_in_the_transaction_of_their_entry(consumers: OfflineConsumers) -> None:
    await withheld(consumers)
    [(entry, wrote)] = await acts(consumers)
    assert (entry.action, entry.subject_id, entry.count) == ("withhold-states", "consent", 1)
    assert await consumers.pool.fetchval("select xmin::text from withheld_states") == wrote
    await recovery.withhold_states(consumers.pool, "consent", [], Recovery(), OPERATOR)
    assert len(await acts(consumers)) == 1, "no state was ahead any more"


class KilledError(Exception):
    """The process ends before it commits."""


async def redriven(consumers: OfflineConsumers) -> None:
    redriver, id = await dead_letter(consumers)
    if (await redriver.redrive_dead_letter(id, OPERATOR)).hindrance is not None:
        raise KilledError


async def discarded(consumers: OfflineConsumers) -> None:
    redriver, id = await dead_letter(consumers, value=b"{", key=b"no record")
    await redriver.discard(id, OPERATOR, "test-data")


async def offsets_reset(consumers: OfflineConsumers) -> None:
    await consumers.pool.execute(PLACE, FACTS)
    await reset(consumers)


async def refused_discarded(consumers: OfflineConsumers) -> None:
    await _with_refused(consumers, refused.discard)


async def refused_sent(consumers: OfflineConsumers) -> None:
    await _with_refused(consumers, refused.send_again)


async def withheld(consumers: OfflineConsumers) -> None:
    ahead = [CopyAhead(CONSENT_STATES.name, str(uuid4()), 4, 0)]
    await recovery.withhold_states(consumers.pool, "consent", ahead, Recovery(), OPERATOR)


async def _with_refused(consumers: OfflineConsumers, act: Callable[..., Awaitable[None]]) -> None:
    id = uuid4()
    await consumers.pool.execute(REFUSED, id)
    async with transaction(consumers.pool) as connection:
        await act(connection, id, "consent", OPERATOR)


STATE = """
select (select count(*) from parked_messages) as parked, (select count(*) from effects) as effects,
       (select count(*) from refused_announcements) as refused, (select count(*) from outbox) as outbox,
       (select sum(next) from consumer_offsets) as next, (select count(*) from withheld_states) as withheld"""
ACTS: dict[Callable[[OfflineConsumers], Awaitable[None]], tuple[ModuleType, dict[str, int]]] = {
    redriven: (redrive, {"parked": 1}),
    discarded: (redrive, {"parked": 1}),
    offsets_reset: (positions, {"next": 1000}),
    refused_discarded: (refused, {"refused": 1}),
    refused_sent: (refused, {"refused": 1}),
    withheld: (recovery, {}),
}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_an_act_whose_entry_is_not_written_does_not_happen(
    consumers: OfflineConsumers, act: Callable[[OfflineConsumers], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, left = ACTS[act]

    async def end(_: Connection, __: object) -> None:
        raise KilledError

    monkeypatch.setattr(module, "append", end)
    with pytest.raises(KilledError):
        await act(consumers)
    state = await consumers.pool.fetchrow(STATE)
    assert state is not None
    expected: dict[str, int | None] = {"parked": 0, "effects": 0, "refused": 0, "next": None, "withheld": 0, **left}
    assert {name: state[name] for name in expected} == expected
    assert await acts(consumers) == []


async def test_what_an_operator_does_with_a_process_is_entered_before_it_is_done(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("consent")
    await plumbing.prepare(database)
    app = make_worker_app(Plan("consent", (), keys=TestKeys()), plumbing.settings(database, kafka))
    scale = {"action": "scale-process", "process": "consent-api", "replicas": 4}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://worker") as client,
    ):
        operator = bearer(operator_token())
        entered = await client.post("/process-acts", json=scale, headers=operator)
        assert entered.status_code == 201
        foreign = await client.post("/process-acts", json={**scale, "process": "records-api"}, headers=operator)
        assert (foreign.status_code, foreign.json()["code"]) == (422, "process-foreign")
        assert (await client.post("/process-acts", json={**scale, "replicas": None}, headers=operator)).is_error
        patient = await client.post("/process-acts", json=scale, headers=bearer(patient_token(uuid4())))
        assert patient.status_code == 403
        [message] = await kafka.wait_for(ACCESSES["consent"].name, bool)
    event = message.event
    assert isinstance(event, OperatorActed)
    assert (event.action, event.subject_id, event.count) == ("scale-process", "consent-api", 4)
    assert event.actor.kind == "operator"
