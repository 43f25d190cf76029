"""Late messages about an erased record leave nothing behind, whatever the group."""

from uuid import UUID, uuid4

import orjson
import pytest

from shared.contracts.base import Event
from shared.contracts.carried_events import EVENTS
from shared.contracts.declarations import Service
from shared.contracts.topics import ERASURE_ACKNOWLEDGEMENTS, IDENTITY_ERASURES
from shared.db.pool import create_pool, transaction
from shared.erasure import erased_records
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import KeptRecord
from shared.messaging.outbox import announce
from shared.messaging.subscription import Subscription
from shared.runtime import clock
from shared.runtime.metrics import DROPPED
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.erasure.erasing import KEPT_HERE, tables_with
from tests.infra.messaging.messages import sender_of
from tests.infra.messaging.subscriptions import subscriptions_of
from tests.infra.platform.paths import EXAMPLES

LEDGER = "audit.ledger"


def late(event: type[Event], record_id: UUID, offset: int) -> KeptRecord:
    """Returns the golden example of that event, about this record."""
    body = orjson.loads((EXAMPLES / f"{event.ce_type}.json").read_bytes())
    body["record_id"] = str(record_id)
    about = EVENTS[event.ce_type].model_validate(body)
    announcement = announce(about, sender_of(about))
    headers = {
        "ce_id": str(announcement.id),
        "ce_type": announcement.type,
        "ce_time": announcement.occurred_at.isoformat(),
    }
    pairs = [(name, text.encode()) for name, text in headers.items()]
    return KeptRecord(announcement.topic.name, 0, offset, announcement.key.encode(), announcement.body, pairs)


def is_about_a_record(event: type[Event]) -> bool:
    return "record_id" in event.model_fields


@pytest.mark.parametrize("service", ["records", "consent", "audit", "notify"])
async def test_no_group_brings_an_erased_record_back(service: Service, new_database: NewDatabase) -> None:
    database, record_id = await new_database(service), uuid4()
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    async with transaction(pool) as connection:
        await erased_records.begin(connection, record_id, uuid4(), clock.now())
        await erased_records.acknowledge(connection, service, record_id)
    groups = 0
    for subscription in subscriptions_of(service):
        events = [event for event in subscription.events if is_about_a_record(event)]
        if not events or subscription.group.topics == (IDENTITY_ERASURES,):
            continue
        groups += 1
        before = _dropped(subscription)
        records = [late(event, record_id, offset) for offset, event in enumerate(events)]
        await Consumer(pool, subscription).consume(records)
        assert _dropped(subscription) - before == (0 if subscription.group.name == LEDGER else len(events))
    assert groups >= 1
    assert await tables_with(database, [record_id], besides=KEPT_HERE | {"outbox"}) == set()
    rows = await pool.fetch("select topic from outbox where key = $1", str(record_id).encode())
    allowed = {ERASURE_ACKNOWLEDGEMENTS[service].name} | ({"audit.entries.v1"} if service == "audit" else set())
    assert {row["topic"] for row in rows} <= allowed
    pool.terminate()


def _dropped(subscription: Subscription) -> float:
    count: float = DROPPED.labels(subscription.group.name)._value.get()
    return count


def test_only_who_deals_with_erasure_itself_and_the_ledger_do_not_heed_it() -> None:
    all_subscriptions = [
        subscription for name in ("records", "consent", "audit", "notify") for subscription in subscriptions_of(name)
    ]
    for subscription in all_subscriptions:
        about_erasure = subscription.group.topics == (IDENTITY_ERASURES,)
        assert subscription.skips_erased_records is not (about_erasure or subscription.group.name == LEDGER), (
            subscription.group.name
        )
