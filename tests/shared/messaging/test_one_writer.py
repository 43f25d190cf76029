"""A consumer accepts a service's events only from that service's own topic."""

from typing import get_args
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.audit.ledger.domain.writers import (
    ACTIONS_BY_SERVICE,
    ACTOR_KINDS_BY_SERVICE,
    SHARED_ACTIONS,
    WRITER_MISMATCH,
)
from services.identity.erasure.store import Erasure, insert_erasure
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.carried_events import topic_of
from shared.contracts.declarations import SERVICES, Service
from shared.contracts.topics import (
    ACCESSES,
    ERASURE_ACKNOWLEDGEMENTS,
    FORMER_ACCESSES,
    FORMER_ACKNOWLEDGEMENTS,
)
from shared.db.pool import Pool, transaction
from shared.messaging.consumer import Consumer
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.conftest import NewPool
from tests.infra.erasure.erasures import acknowledgement_of
from tests.infra.messaging.messages import fetched, outbox
from tests.infra.messaging.subscriptions import subscription_of, subscriptions_of
from tests.infra.notify.notify import consulted, contact, published


def ledger(pool: Pool) -> Consumer:
    return Consumer(pool, subscription_of("audit.ledger"))


async def entries(pool: Pool, record_id: UUID) -> list[asyncpg.Record]:
    return await pool.fetch(
        "select action, outcome, reason, actor_kind, actor_id, details from ledger_entries where record_id = $1"
        " order by occurred_at",
        record_id,
    )


def test_each_action_is_for_one_service_to_report() -> None:
    assert sorted(action for actions in (*ACTIONS_BY_SERVICE.values(), SHARED_ACTIONS) for action in actions) == sorted(
        get_args(Action)
    )


def test_nobody_announces_what_is_another_services_to_say() -> None:
    event = consulted(uuid4())
    assert {topic_of(event, service).writer for service in SERVICES} == set(SERVICES)
    with pytest.raises(ValueError, match="notify writes no topic"):
        topic_of(published(uuid4()), "notify")
    with pytest.raises(ValueError, match="records writes no topic"):
        topic_of(contact(uuid4()), "records")


@pytest.mark.parametrize("service", SERVICES)
async def test_the_ledger_enters_of_a_services_topic_its_own_acts_and_quarantines_every_other(
    new_pool: NewPool, service: Service
) -> None:
    pool, record_id = await new_pool("audit"), uuid4()
    accesses = [
        consulted(record_id, action=action, kind=kind, outcome="refused")
        for action in get_args(Action)
        for kind in ("professional", "system", "unknown")
    ]
    own = [
        access
        for access in accesses
        if access.action in ACTIONS_BY_SERVICE[service] | SHARED_ACTIONS
        and access.actor.kind in ACTOR_KINDS_BY_SERVICE[service]
    ]
    records = [fetched(access, topic=ACCESSES[service].name) for access in accesses]
    consumer = ledger(pool)
    await consumer.consume(records)
    await consumer.consume(records)
    rows = await entries(pool, record_id)
    entered = [(row["action"], row["actor_kind"]) for row in rows if row["outcome"] == "refused"]
    assert sorted(entered) == sorted((access.action, access.actor.kind) for access in own)
    quarantined = [row for row in rows if row["outcome"] == "quarantined"]
    assert len(quarantined) == len(accesses) - len(own)
    assert {row["reason"] for row in quarantined} == {WRITER_MISMATCH}
    assert {(row["actor_kind"], row["actor_id"]) for row in quarantined} == {("system", "audit")}
    assert not any("899700000001" in str(row["details"]) for row in quarantined), "nobody is accused"
    assert await outbox(pool) == [], "of accesses nobody waits for the ledger's word"
    assert not consumer.circuit_breaker.is_open, "one service that lies does not stop the ledger"


async def test_a_service_that_writes_what_no_database_can_hold_does_not_stop_the_ledger(new_pool: NewPool) -> None:
    pool, record_id = await new_pool("audit"), uuid4()
    bad = consulted(record_id, action="change-preferences").model_copy(update={"facts": {"a": "\\\\\u0000"}})
    good = consulted(record_id, action="change-preferences").model_copy(update={"facts": {"a": "\\u0000"}})
    consumer = ledger(pool)
    await consumer.consume([fetched(event, topic=ACCESSES["notify"].name) for event in (*[bad] * 30, good)])
    assert not consumer.circuit_breaker.is_open
    rows = await entries(pool, record_id)
    assert [row["outcome"] for row in rows if row["outcome"] != "quarantined"] == ["permitted"]
    assert {row["reason"] for row in rows if row["outcome"] == "quarantined"} == {"data-invalid"}


async def test_the_ledger_reads_the_retired_topic_to_its_end(new_pool: NewPool) -> None:
    pool, record_id = await new_pool("audit"), uuid4()
    events = [consulted(record_id), consulted(record_id, action="sign-in"), consulted(record_id, action="see-choices")]
    await ledger(pool).consume([fetched(event, topic=FORMER_ACCESSES.name) for event in events])
    assert [row["action"] for row in await entries(pool, record_id)] == ["read-document", "sign-in", "see-choices"]


async def test_an_acknowledgement_on_the_topic_of_another_service_completes_nothing(new_pool: NewPool) -> None:
    pool, record_id = await new_pool("identity"), uuid4()
    erasure_id = clock.new_id(bucket_of(record_id))
    async with transaction(pool) as connection:
        await insert_erasure(connection, Erasure(erasure_id, record_id, "gdpr-decision", clock.now()))
    consumer = Consumer(pool, subscription_of("identity.acknowledged-erasures"))
    forged = [
        fetched(acknowledgement_of(record_id, erasure_id, service), topic=ERASURE_ACKNOWLEDGEMENTS["notify"].name)
        for service in SERVICES
    ]
    await consumer.consume(forged)
    collected = "select array_agg(service order by service) from erasure_acknowledgements where erasure_id = $1"
    assert set(await pool.fetchval(collected, erasure_id) or ()) <= {"notify"}
    letters = await pool.fetch("select error_code from parked_messages where reason = 'dead'")
    assert {row["error_code"] for row in letters} == {"writer-mismatch"}
    assert await pool.fetchval("select receipt is null from erasures where id = $1", erasure_id)
    await pool.execute("delete from parked_messages")
    own = [fetched(acknowledgement_of(record_id, erasure_id, service)) for service in SERVICES[1:]]
    former = fetched(acknowledgement_of(record_id, erasure_id, SERVICES[0]), topic=FORMER_ACKNOWLEDGEMENTS.name)
    await consumer.consume([*own, former])
    assert await pool.fetchval(collected, erasure_id) == sorted(SERVICES)
    assert await pool.fetchval("select receipt is not null from erasures where id = $1", erasure_id)


class Alerting:
    """The groups of notify about accesses on one database with a contact."""

    def __init__(self, pool: Pool, record_id: UUID) -> None:
        self.pool, self.record_id = pool, record_id
        self.contacts, self.consultations, self.emergencies = (
            Consumer(pool, subscription_of(f"notify.{name}"))
            for name in ("contact-copies", "consultation-alerts", "emergency-alerts")
        )

    def emergency(self, session_id: UUID | None = None) -> AccessRecorded:
        return consulted(self.record_id, mode="bris_de_glace", action="find-documents", session_id=session_id)

    async def kinds(self) -> dict[str, int]:
        rows = await self.pool.fetch("select kind, count(*) as count from alerts group by kind")
        return {row["kind"]: row["count"] for row in rows}


async def alerting(new_pool: NewPool) -> Alerting:
    made = Alerting(await new_pool("notify"), uuid4())
    await made.contacts.consume([fetched(contact(made.record_id, mobile="0699990001"))])
    return made


async def test_emergencies_and_other_consultations_are_alerted_by_a_group_each(new_pool: NewPool) -> None:
    notify = await alerting(new_pool)
    records = [fetched(notify.emergency(uuid4())), fetched(consulted(notify.record_id))]
    await notify.consultations.consume(records)
    assert set(await notify.kinds()) <= {"consultation"}
    await notify.emergencies.consume(records)
    kinds = await notify.kinds()
    assert (kinds["emergency"], kinds["emergency-follow-up"]) == (2, 2)


async def test_the_group_of_emergencies_that_reads_all_again_alerts_nobody_again(new_pool: NewPool) -> None:
    notify = await alerting(new_pool)
    records = [fetched(notify.emergency(uuid4())), fetched(notify.emergency()), fetched(consulted(notify.record_id))]
    former = [
        fetched(event, topic=FORMER_ACCESSES.name) for event in (notify.emergency(uuid4()), notify.emergency(uuid4()))
    ]
    await notify.emergencies.consume([*former, *records])
    alerted = await notify.pool.fetch("select id, due_at from alerts order by id")
    assert len(alerted) == 16
    again = Alerting(notify.pool, notify.record_id)
    await again.emergencies.consume([*former, *records])
    assert await notify.pool.fetch("select id, due_at from alerts order by id") == alerted


async def test_an_emergency_waits_behind_no_access_that_cannot_be_read(new_pool: NewPool) -> None:
    notify = await alerting(new_pool)
    unreadable = fetched(consulted(notify.record_id), changes={"actor": None})
    await notify.emergencies.consume([unreadable, fetched(notify.emergency(uuid4()))])
    assert (await notify.kinds())["emergency"] == 2


async def test_an_emergency_that_another_service_reports_alerts_nobody() -> None:
    for subscription in subscriptions_of("notify"):
        if AccessRecorded in subscription.events:
            writers = {topic.writer for topic in subscription.group.topics}
            assert writers == {"records", None}, subscription.group.name
