"""Who changes what a visible document is takes the record's row first: nothing is lost where two of them meet."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest

from services.records.store.tracking import track_documents
from services.records.usecases.apply_consent_copies import apply_consent_copies
from services.records.usecases.settle_deposits import settle_deposits
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import transaction
from shared.runtime import clock
from shared.terminology import oids
from tests.infra.load import Person
from tests.infra.messages import message, outbox
from tests.infra.records import (
    OTHER_DOCTOR,
    House,
    a_deposit,
    as_patient,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
)
from tests.infra.waiting import eventually
from tests.integration.test_records_replacing import by_id, labels_of, patch, replacing

SOMEBODY = Person(89)
MASKED = {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]}
MASK = {"op": "add", "path": "/securityLabel/-", "value": MASKED}
STEPS = 8
"""Statements of a change: one of two that meet begins so many statements after the other, at most."""
MEETINGS = [(early, late) for early in range(STEPS) for late in (0, STEPS // 2) if not (early and late)] * 4


@pytest.fixture
async def record(home: House) -> UUID:
    record_id = await home.open_record(SOMEBODY)
    await home.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await home.be_fresh()
    return record_id


async def later(home: House, statements: int, deed: Awaitable[object]) -> object:
    """Begins a deed when the database has answered so many statements."""
    for _ in range(statements):
        await home.pool.fetchval("select 1")
    return await deed


async def test_a_document_that_is_replaced_while_the_patient_masks_it_neither_comes_back_nor_loses_the_mask(
    home: House, record: UUID
) -> None:
    orders = set()
    for early, late in MEETINGS:
        [old] = await home.publish(a_deposit(SOMEBODY))
        [new] = document_ids(await home.deposit(replacing(by_id(old))))
        masked = patch(home, as_patient(record), old, MASK)
        await asyncio.gather(later(home, early, home.decide(new)), later(home, late, masked))
        told = [type(e) for e in await outbox(home.pool) if getattr(e, "document_id", None) in (old, new)]
        mask_came_first = told.index(DocumentRelabelled) < len(told) - 1 - told[::-1].index(DocumentPublished)
        orders.add(mask_came_first)
        life = await home.pool.fetchval("select life from documents where id = $1", old)
        assert life == "superseded"
        assert "MASQUE_PS" in await labels_of(home, old)
        assert "MASQUE_PS" in await labels_of(home, new), "all versions, whichever came first"
        await home.pool.execute("delete from outbox")
    assert orders == {True, False}, "both ways of meeting were seen"


async def test_replacements_in_many_records_and_choices_about_them_do_not_lock_each_other_out(home: House) -> None:
    records = [await home.open_record(Person(number)) for number in range(90, 96)]
    for record in records:
        await home.choose(record, 1)
    for version in range(2, 8):
        words = []
        for number, record in zip(range(90, 96), records, strict=True):
            [old] = await home.publish(a_deposit(Person(number)))
            answer = await home.deposit(replacing(by_id(old), person=Person(number)))
            [new] = document_ids(answer)
            words.append(message(decided(record, new, deposit_id(answer))))

        async def settle(words: list[object] = words) -> None:
            async with transaction(home.pool) as connection:
                await settle_deposits(connection, words)  # type: ignore[arg-type]

        async def choose(version: int = version) -> None:
            states = [ConsentStateChanged(record_id=one, version=version, changed_at=clock.now()) for one in records]
            async with transaction(home.pool) as connection:
                await apply_consent_copies(connection, [message(one) for one in states])

        await asyncio.gather(settle(), choose(), settle(words[::-1]), settle(words[3:]))
    lives = await home.pool.fetch("select life, count(*) as documents from documents group by life order by life")
    assert [tuple(row) for row in lives] == [("current", 36), ("superseded", 36)]


async def test_a_decision_finds_its_documents_though_others_change_them_meanwhile(home: House, record: UUID) -> None:
    """Also those of the partitions that were not looked at last: `test_rows_of_a_partitioned_table_...`."""
    people = [Person(number) for number in range(90, 98)]
    words, documents = [], []
    for person in people:
        other = await home.open_record(person)
        await home.choose(other, 1)
        answer = await home.deposit(bundle_of(a_deposit(person)))
        [document] = document_ids(answer)
        documents.append(document)
        words.append(message(decided(other, document, deposit_id(answer))))
    async with transaction(home.pool) as tracker:
        await track_documents(tracker, {document: clock.now() for document in documents}, {})

        async def settle() -> None:
            async with transaction(home.pool) as connection:
                await settle_deposits(connection, words)

        settling = asyncio.create_task(settle())
        await eventually(lambda: somebody_waits(home))
    await settling
    found = await home.pool.fetch("select status, audited_at from documents")
    assert [(row["status"], row["audited_at"] is not None) for row in found] == [("published", True)] * len(people)


async def test_the_tracking_finds_its_documents_though_others_change_them_meanwhile(home: House, record: UUID) -> None:
    documents = []
    for number in range(90, 98):
        await home.open_record(Person(number))
        documents += await home.publish(a_deposit(Person(number)))
    async with transaction(home.pool) as other:
        await other.execute("update documents set archived = true")

        async def track() -> None:
            async with transaction(home.pool) as connection:
                await track_documents(connection, {document: clock.now() for document in documents}, {})

        tracking = asyncio.create_task(track())
        await eventually(lambda: somebody_waits(home))
    await tracking
    assert await home.pool.fetchval("select count(*) from documents where audited_at is null") == 0


async def somebody_waits(home: House) -> bool:
    query = """
    select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"""
    return bool(await home.pool.fetchval(query))
