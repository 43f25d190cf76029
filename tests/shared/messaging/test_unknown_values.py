"""A value that this release does not know never grants a right, never refuses, and never goes unnoticed."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.audit import AccessRecorded
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import Pool
from shared.messaging.consumer import Consumer
from shared.runtime import clock
from tests.conftest import NewDatabase, NewPool
from tests.infra.erasure.erasing import erased
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import fetched
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.messaging.subscriptions import subscription_of
from tests.infra.notify.notify import consulted, contact, published
from tests.infra.records.records_api import a_deposit, bundle_of, decided, deposit_id, document_ids, run_records_api

LATER = "added-later"


async def told_kinds(pool: Pool) -> set[str]:
    return {row["kind"] for row in await pool.fetch("select distinct kind from alerts where status = 'queued'")}


def an_emergency(record_id: UUID) -> AccessRecorded:
    return consulted(record_id, mode="bris_de_glace", session_id=clock.new_id())


@pytest.mark.parametrize(
    "changes",
    [
        {"action": LATER},
        {"outcome": LATER},
        {"actor": {"kind": LATER, "id": "899700000001"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_an_unknown_value_of_an_access_silences_no_emergency(
    new_pool: NewPool, changes: dict[str, object]
) -> None:
    pool, record_id = await new_pool("notify"), uuid4()
    await Consumer(pool, subscription_of("notify.contact-copies")).consume([fetched(contact(record_id))])
    emergencies = Consumer(pool, subscription_of("notify.emergency-alerts"))
    await emergencies.consume([fetched(an_emergency(record_id), changes=changes)])
    assert "emergency" in await told_kinds(pool)
    before = await pool.fetchval("select count(*) from alerts")
    await emergencies.consume([fetched(consulted(record_id), changes=changes), fetched(an_emergency(record_id))])
    assert await pool.fetchval("select count(*) from alerts") == 2 * before, "and the next one is told of too"


async def test_the_ledger_enters_an_unknown_action_outcome_and_actor_as_they_were_reported(new_pool: NewPool) -> None:
    pool, record_id = await new_pool("audit"), uuid4()
    changes = {"action": LATER, "outcome": "partly", "actor": {"kind": "robot", "id": "r-1"}}
    await Consumer(pool, subscription_of("audit.ledger")).consume([fetched(consulted(record_id), changes=changes)])
    [row] = await pool.fetch("select action, outcome, actor_kind, actor_id from ledger_entries")
    assert tuple(row) == (LATER, "partly", "robot", "r-1")


@pytest.mark.parametrize(
    "changes",
    [{"labels": ["N", LATER]}, {"mode": LATER}, {"actor": {"kind": LATER, "id": "899700000001"}}],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_deposit_with_an_unknown_value_is_not_refused_but_waits(
    new_pool: NewPool, changes: dict[str, object]
) -> None:
    pool, record_id = await new_pool("consent"), uuid4()
    await Consumer(pool, subscription_of("consent.record-copies")).consume([fetched(record_changed(record_id))])
    await pool.execute("delete from outbox")
    checks = Consumer(pool, subscription_of("consent.deposit-checks"))
    await checks.consume([fetched(document_received(record_id), changes=changes)])
    assert await decisions(pool) == []
    assert await pool.fetchval("select error_code from parked_messages where reason = 'dead'") == "value-unknown"


async def decisions(pool: Pool) -> list[DepositDecided]:
    rows = await pool.fetch("select payload from outbox where topic = 'consent.decisions.v1'")
    return [DepositDecided.model_validate_json(row["payload"]) for row in rows]


async def test_an_unknown_outcome_of_a_decision_publishes_nothing_and_refuses_nothing(
    new_database: NewDatabase,
) -> None:
    async with run_records_api(await new_database("records")) as records_api:
        person = Person(1)
        record_id = await records_api.open_record(person)
        answer = await records_api.deposit(bundle_of(a_deposit(person)))
        [document_id] = document_ids(answer)
        decision = decided(record_id, document_id, deposit_id(answer))
        consumer = Consumer(records_api.pool, subscription_of("records.deposit-decisions"))
        await consumer.consume([fetched(decision, changes={"outcome": LATER})])
        assert await records_api.pool.fetchval("select status from documents") == "received"


async def test_an_unknown_word_about_a_right_breaks_the_copy_and_is_not_applied(new_database: NewDatabase) -> None:
    async with run_records_api(await new_database("records")) as records_api:
        record_id = await records_api.open_record(Person(1))
        await records_api.choose(record_id, 1)
        consumer = Consumer(records_api.pool, subscription_of("records.consent-copies"))
        right = {"holder_id": "899700000001", "from": "2026-11-22T09:30:00Z", "how": LATER}
        state = {"record_id": str(record_id), "version": 2, "changed_at": clock.now().isoformat()}
        good = ConsentStateChanged.model_validate(state)
        await consumer.consume([fetched(good, changes={"authorisations": [right]})])
        assert (
            await records_api.pool.fetchval("select version from consent_states where record_id = $1", record_id) == 1
        )
        assert await records_api.pool.fetchval("select count(*) from broken_copies where key = $1", str(record_id)) == 1


async def test_a_label_that_is_not_known_may_hide_the_document_from_the_person(new_pool: NewPool) -> None:
    record_id = uuid4()
    fact = published(record_id, "N", LATER)
    notify = await new_pool("notify")
    await Consumer(notify, subscription_of("notify.contact-copies")).consume([fetched(contact(record_id))])
    await Consumer(notify, subscription_of("notify.document-alerts")).consume([fetched(fact)])
    assert await notify.fetchval("select status from alerts") == "withheld"
    audit = await new_pool("audit")
    await Consumer(audit, subscription_of("audit.ledger")).consume([fetched(fact), fetched(relabelled(fact))])
    assert await audit.fetchval("select bool_or(visible_to_patient) from document_visibilities") is False


def relabelled(fact: DocumentPublished) -> DocumentRelabelled:
    body = fact.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})
    actor = {"kind": "patient", "id": str(fact.record_id)}
    changes = {
        "actor": actor,
        "change": LATER,
        "labels": ("N", LATER),
        "changed_at": clock.now() + timedelta(seconds=1),
    }
    return DocumentRelabelled.model_validate({**body, **changes})


async def test_an_erasure_for_an_unknown_reason_erases(new_pool: NewPool) -> None:
    for service in ("records", "consent", "audit", "notify"):
        pool, fact = await new_pool(service), erased(uuid4())
        await Consumer(pool, subscription_of(f"{service}.erasures")).consume([fetched(fact, changes={"reason": LATER})])
        assert await pool.fetchval("select record_id from erased_records") == fact.record_id, service
