"""Erasure on the real broker: each service acknowledges once despite crashes, and the topics forget the record."""

import asyncio
import signal
import sys
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.audit.app import make_plan as plan_of_audit
from services.audit.settings import Settings as AuditSettings
from services.consent.app import make_plan as plan_of_consent
from services.consent.settings import Settings as ConsentSettings
from services.notify.app import make_plan as plan_of_notify
from services.records.app import make_plan as plan_of_records
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.declarations import Service
from shared.contracts.identity import ErasureAcknowledged
from shared.contracts.topics import CONSENT_STATES, ERASURE_ACKNOWLEDGEMENTS
from shared.runtime import clock
from shared.runtime.settings import FreshnessSettings, PostgresSettings, ServiceSettings
from shared.service.worker import Plan, at_work
from tests.conftest import NewDatabase
from tests.infra.audit.keys import KEYS
from tests.infra.erasure.erasing import KEPT_HERE, erased, tables_with
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.load.documents import Person
from tests.infra.messaging import plumbing
from tests.infra.messaging.dying import PLACES
from tests.infra.messaging.plumbing import record_changed
from tests.infra.notify import notify
from tests.infra.platform.databases import Database
from tests.infra.platform.paths import ROOT
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S, eventually
from tests.infra.records.records_api import a_deposit, run_records_api, settings_of

SOMEBODY = Person(81)


def on(service: str, database: Database, kafka: Topics) -> tuple[Plan, ServiceSettings]:
    """Returns a service's plan and settings."""
    if service == "records":
        records = settings_of(database, kafka=kafka.settings("records"))
        return plan_of_records(records, TestKeys()), records
    if service == "notify":
        notified = notify.settings(database, kafka)
        return plan_of_notify(notified, TestKeys()), notified
    common: dict[str, Any] = {
        "postgres": PostgresSettings.model_validate({"dsn": database.dsn}),
        "kafka": kafka.settings(service),
        "tokens": SETTINGS,
        "freshness": FreshnessSettings(heartbeat_s=0.2),
    }
    if service == "audit":
        settings = AuditSettings(**common, keys=KEYS)
        return plan_of_audit(settings, TestKeys()), settings
    return plan_of_consent(TestKeys()), ConsentSettings(**common)


async def acknowledgements(kafka: Topics, service: Service, count: int = 1) -> list[ErasureAcknowledged]:
    topic = ERASURE_ACKNOWLEDGEMENTS[service].name
    messages = await kafka.wait_for(topic, lambda messages: len(messages) >= count)
    return [message.event for message in messages if isinstance(message.event, ErasureAcknowledged)]


@pytest.mark.parametrize("service", ["records", "consent", "audit", "notify"])
async def test_each_service_acknowledges_even_what_it_never_knew(
    service: Service, new_database: NewDatabase, kafka: Topics
) -> None:
    fact = erased(uuid4())
    async with at_work(*on(service, await new_database(service), kafka)):
        await kafka.put(fact)
        [acknowledgement] = await acknowledgements(kafka, service)
    assert (acknowledgement.service, acknowledgement.record_id, acknowledgement.erasure_id) == (
        service,
        fact.record_id,
        fact.erasure_id,
    )
    assert acknowledgement.destroyed == {}


async def test_the_topic_of_choices_is_told_to_forget_and_its_readers_pass_over_it(
    new_database: NewDatabase, kafka: Topics
) -> None:
    consent, records = await new_database("consent"), await new_database("records")
    gone, other = uuid4(), uuid4()
    async with at_work(*on("consent", consent, kafka)), at_work(*on("records", records, kafka)):
        await kafka.put(record_changed(gone))
        await kafka.wait_for("records.copies.v1", lambda messages: len(messages) == 2)
        await kafka.put(erased(gone))
        tombstones = await eventually(lambda: tombstones_of(kafka))
        assert [record.key for record in tombstones] == [str(gone).encode()]
        for service in ("consent", "records"):
            assert {acknowledgement.service for acknowledgement in await acknowledgements(kafka, service)} == {service}
        await kafka.put(record_changed(gone, version=2))
        await kafka.put(ConsentStateChanged(record_id=gone, version=9, changed_at=clock.now()))
        for _ in range(8):  # in whichever partition it is, a later record is applied
            await kafka.put(ConsentStateChanged(record_id=uuid4(), version=1, changed_at=clock.now()))
        await kafka.put(record_changed(other))
        await eventually(lambda: is_known(consent, other))
        await eventually(lambda: is_known(records, other))
    for database in (consent, records):
        assert await tables_with(database, [gone], besides=KEPT_HERE | {"outbox"}) == set()
        assert await plumbing.value(database, "select count(*) from parked_messages") == 0


async def is_known(database: Database, record_id: UUID) -> bool:
    query = "select exists (select from consent_states where record_id = $1)"
    return bool(await plumbing.value(database, query, record_id))


async def tombstones_of(kafka: Topics) -> list[Any] | None:
    return [record for record in await kafka.read_raw(CONSENT_STATES.name) if record.value is None] or None


async def a_full_record(database: Database) -> UUID:
    async with run_records_api(database) as api:
        record_id = await api.open_record(SOMEBODY)
        for _ in range(3):
            await api.publish(a_deposit(SOMEBODY), a_deposit(SOMEBODY))
        await api.pool.execute("delete from outbox")
    return record_id


async def let_it_die(place: str, database: Database, kafka: Topics) -> None:
    spec = {"database": asdict(database), "kafka": kafka.environment("records")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.messaging.dying", place, cwd=ROOT, stdin=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(process.communicate(orjson.dumps(spec)), DEADLINE_S)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.long
@pytest.mark.parametrize("place", list(PLACES))
async def test_killed_there_an_erasure_goes_on_and_is_acknowledged_once_with_the_right_counts(
    place: str, new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("records")
    record_id = await a_full_record(database)
    await kafka.put(erased(record_id))
    await let_it_die(place, database, kafka)
    assert await plumbing.value(database, "select count(*) from erased_records where acknowledged_at is not null") == 0
    async with at_work(*on("records", database, kafka)):
        [acknowledgement] = await acknowledgements(kafka, "records")
    assert acknowledgement.destroyed == {
        "records": 1,
        "fingerprints": 1,
        "keys": 1,
        "documents": 6,
        "contents": 6,
        "deposits": 3,
        "deposit_requests": 3,
        "organisation_deposits": 3,
    }
    assert await tables_with(database, [record_id], besides=KEPT_HERE | {"outbox"}) == set()
    assert len(await acknowledgements(kafka, "records")) == 1
