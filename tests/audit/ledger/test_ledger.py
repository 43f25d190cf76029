"""The ledger: each fact once, said once, and nobody can alter it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from services.audit.consumers import subscriptions
from services.audit.erasure.steps import erase_record
from services.audit.ledger import store
from services.audit.ledger.steps.write_entries import write_entries
from shared.contracts.audit import MOTIVE as MOTIVE_PLACE
from shared.contracts.audit import AccessRecorded, EntryRecorded
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.identity import ClientAdministered, ProfessionalChanged, StructureChanged
from shared.contracts.records import DocumentPublished, DocumentReceived
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool, create_pool, transaction
from shared.messaging.consumer import Consumer
from shared.messaging.envelope import KeptRecord, Message
from shared.public_names import copy_names
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from shared.runtime.tracing import trace_id
from tests.infra.audit.keys import MOTIVES
from tests.infra.erasure.erasing import erase
from tests.infra.messaging.messages import message, outbox, traces
from tests.infra.messaging.plumbing import document_received
from tests.infra.platform.databases import Database, fetch_row

DOCTOR = Actor(kind="professional", id="899700000001", profession="10")


@pytest.fixture
async def pool(database: Database) -> Any:
    created_pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    yield created_pool
    created_pool.terminate()


def document_published(received: DocumentReceived) -> DocumentPublished:
    """What follows when it was permitted."""
    ids = received.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id", "received_at"})
    return DocumentPublished(**ids, labels=("N",), decision_id=uuid4(), published_at=clock.now())


def access(record_id: UUID | None = None) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id or uuid4(), actor=DOCTOR, action="read-document", outcome="permitted", reason="authorised"
    )


async def write(pool: Pool, *messages: Message[Any]) -> None:
    async with transaction(pool) as connection:
        await write_entries(MOTIVES, connection, list(messages))


async def test_what_an_administrator_does_with_software_is_entered_without_a_record(pool: Pool) -> None:
    administrator = Actor(kind="administrator", id="admin-1", client_id="admin-1")
    event = ClientAdministered(
        subject_id="client-1",
        actor=administrator,
        action="remove-client-key",
        changed=("jwks",),
        scopes=("operations",),
    )
    await write(pool, message(event))
    row = await fetch_row(pool, "select * from ledger_entries")
    assert (row["record_id"], row["subject_id"]) == (None, "client-1")
    assert (row["action"], row["outcome"], row["reason"]) == ("remove-client-key", "permitted", "active")
    assert (row["actor_kind"], row["actor_id"]) == ("administrator", "admin-1")
    assert orjson.loads(row["details"])["changed"] == ["jwks"]


async def ledger(pool: Pool) -> list[asyncpg.Record]:
    return await pool.fetch("select * from ledger_entries order by recorded_at, occurred_at, event_id")


async def test_a_batch_of_mixed_facts_is_entered_and_the_entry_of_a_settled_deposit_announced_with_its_trace(
    pool: Pool,
) -> None:
    record_id = uuid4()
    received = message(document_received(record_id))
    decided = message(
        DepositDecided(
            record_id=record_id,
            document_id=received.event.document_id,
            deposit_id=received.event.deposit_id,
            organisation_id="1750000001",
            outcome="permitted",
            reason="feeding",
            rules_version="1",
            facts={"labels": ("N",), "organisation_objected": False},
            seen={"consent.states.v1": 2},
            decided_at=clock.now(),
        )
    )
    published = message(document_published(received.event))
    read = message(access(record_id))
    await write(pool, received, decided, published, read)
    rows = {row["event_id"]: row for row in await ledger(pool)}
    assert set(rows) == {received.id, decided.id, published.id, read.id}
    assert rows[decided.id]["occurred_at"] == decided.time
    assert '"organisation_objected": false' in rows[decided.id]["details"]
    announced = [event for event in await outbox(pool) if isinstance(event, EntryRecorded)]
    assert [(event.event_id, event.event_type, event.deposit_id) for event in announced] == [
        (published.id, published.event.ce_type, received.event.deposit_id)
    ]
    assert [event.document_id for event in announced] == [received.event.document_id]
    assert await traces(pool) == [trace_id(published.trace)]


async def test_what_comes_again_is_neither_entered_nor_announced_again(pool: Pool) -> None:
    first, second = (message(document_published(document_received(uuid4()))) for _ in range(2))
    await write(pool, first, first)
    await write(pool, first, second)
    await write(pool, second, first)
    assert {row["event_id"] for row in await ledger(pool)} == {first.id, second.id}
    assert [event.event_id for event in await outbox(pool) if isinstance(event, EntryRecorded)] == [first.id, second.id]


async def test_nothing_is_announced_when_the_transaction_is_rolled_back(pool: Pool) -> None:
    received = message(document_published(document_received(uuid4())))
    async with pool.acquire() as connection:
        failing = connection.transaction()
        await failing.start()
        await write_entries(MOTIVES, connection, [received])
        await failing.rollback()
    assert (await ledger(pool), await outbox(pool)) == ([], [])
    await write(pool, received)
    assert len(await outbox(pool)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_entries set outcome = 'permitted'",
        "delete from ledger_entries",
        "truncate ledger_entries",
        "drop table ledger_entries",
        "alter table ledger_entries add column x integer",
        "update ledger_entries_default set outcome = 'permitted'",
        "delete from ledger_entries_default",
        "insert into ledger_entries_default select * from ledger_entries",
        "create table mine (x integer)",
    ],
)
async def test_the_service_itself_can_only_add_to_the_ledger_and_read_it(pool: Pool, statement: str) -> None:
    await write(pool, message(access()))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
    month = (await ledger(pool))[0]["occurred_at"].strftime("%Y%m")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(f"delete from ledger_entries_{month}")
    assert len(await ledger(pool)) == 1


async def test_each_month_has_its_partition_before_it_comes_and_what_fits_none_has_the_default(
    pool: Pool, database: Database
) -> None:
    now = clock.now()
    old, present = now - timedelta(days=800), now + timedelta(days=31)
    await write(pool, message(access(), time=old), message(access(), time=present))
    places = await pool.fetch("select tableoid::regclass::text as place, occurred_at from ledger_entries order by 2")
    assert [row["place"] for row in places] == ["ledger_entries_default", f"ledger_entries_{present:%Y%m}"]
    owner = await asyncpg.connect(database.owner_dsn)
    try:
        await owner.execute("drop table ledger_entries_" + f"{now:%Y%m}")
        assert await pool.fetchval("select maintain_ledger(3)") == 1
        assert await pool.fetchval("select maintain_ledger(3)") == 0
        await owner.execute("drop table ledger_entries_" + f"{now:%Y%m}")
        await write(pool, message(access()))
        assert await pool.fetchval("select maintain_ledger(3)") == 0
    finally:
        await owner.close()
    assert len(await ledger(pool)) == 3


def garbage(offset: int, key: bytes | None = None, body: bytes = b"{", **headers: str) -> KeptRecord:
    sent = {"ce_type": "audit.access-recorded.v1", "ce_id": str(uuid4()), "ce_time": "2026-11-22T09:30:00+00:00"}
    pairs = [(name, text.encode()) for name, text in {**sent, **headers}.items()]
    return KeptRecord("records.accesses.v1", 1, offset, key, body, pairs)


async def test_an_unusable_message_is_a_letter_and_one_entry_and_what_follows_it_is_entered(pool: Pool) -> None:
    [ledger_group] = [subscription for subscription in subscriptions(MOTIVES) if subscription.quarantine is not None]
    consumer, record_id = Consumer(pool, ledger_group), uuid4()
    good = access(record_id)
    records = [
        garbage(7, str(record_id).encode()),
        garbage(8, str(record_id).encode(), good.model_dump_json().encode()),
        garbage(9, b"no uuid", ce_time="soon"),
        garbage(10, None, ce_type="audit.invented.v1"),
    ]
    for _ in range(2):
        await consumer.consume(records)
    rows = [row for row in await ledger(pool) if row["event_type"] == "audit.letter-quarantined.v1"]
    assert sorted((row["reason"], row["record_id"]) for row in rows if row["record_id"]) == [
        ("data-invalid", record_id)
    ]
    assert sorted(row["reason"] for row in rows) == ["data-invalid", "envelope-invalid", "type-unknown"]
    by_time = {row["reason"]: row["occurred_at"] for row in rows}
    assert by_time["data-invalid"] == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    assert clock.now() - by_time["envelope-invalid"] < timedelta(minutes=1)
    assert len(await ledger(pool)) == 4
    assert await pool.fetchval("select count(*) from parked_messages where reason = 'dead'") == 3


async def test_names_are_kept_in_their_highest_version_whatever_the_order(pool: Pool) -> None:
    def professional(version: int, name: str) -> ProfessionalChanged:
        return ProfessionalChanged(professional_id="899700000001", version=version, name=name, profession="10")

    def structure(version: int, name: str) -> StructureChanged:
        return StructureChanged(structure_id="1750000001", version=version, name=name)

    batches = (
        [professional(2, "Dr Marbeuf"), structure(1, "Clinique A"), professional(1, "Dr Alix")],
        [structure(3, "Clinique C"), structure(2, "Clinique B")],
        [professional(1, "Dr Alix"), structure(1, "Clinique A")],
    )
    for batch in batches:
        async with transaction(pool) as connection:
            await copy_names(connection, [message(event, partition=2) for event in batch])
    [person] = await pool.fetch("select version, name, partition from professional_copies")
    [place] = await pool.fetch("select version, name, partition from structure_copies")
    assert (tuple(person), tuple(place)) == ((2, "Dr Marbeuf", 2), (3, "Clinique C", 2))


async def test_a_motive_lies_under_the_key_of_its_record_and_dies_with_it(pool: Pool) -> None:
    record_id = uuid4()
    received = message(an_emergency(record_id, "Patient inconscient, antécédents inconnus"))
    await write(pool, received, received)
    entry = await fetch_row(pool, "select details from ledger_entries where event_id = $1", received.id)
    kept = orjson.loads(entry["details"])["motive"]
    assert "inconscient" not in entry["details"]
    async with pool.acquire() as connection:
        keys = await store.find_keys(connection, [record_id])
    assert MOTIVES.open(record_id, keys[record_id], received.id, kept) == "Patient inconscient, antécédents inconnus"
    await erase(pool, erase_record, record_id)
    async with pool.acquire() as connection:
        assert await store.find_keys(connection, [record_id]) == {}
    late = message(an_emergency(record_id, "Encore un motif, venu trop tard"))
    await write(pool, late)
    entry = await fetch_row(pool, "select details from ledger_entries where event_id = $1", late.id)
    assert "motive" not in orjson.loads(entry["details"])


async def test_a_motive_that_nobody_can_open_is_not_kept_but_its_entry_is(pool: Pool) -> None:
    received = message(an_emergency(uuid4(), "Motif scellé ailleurs", Keyring.parse("other:" + "O" * 43)))
    await write(pool, received)
    entry = await fetch_row(pool, "select action, details from ledger_entries where event_id = $1", received.id)
    assert entry["action"] == "read-document"
    assert "motive" not in orjson.loads(entry["details"])


def an_emergency(record_id: UUID, motive: str, ring: Keyring = MOTIVES.transport_keys) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=Actor(kind="professional", id="899700000001", profession="G15_10"),
        action="read-document",
        outcome="permitted",
        reason="emergency",
        mode="bris_de_glace",
        motive=ring.encrypt_jwe(motive.encode(), MOTIVE_PLACE),
    )
