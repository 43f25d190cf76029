"""Who changes what a visible document is takes the record's row first: nothing is lost where two of them meet."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest

from services.records.copies.steps import apply_consent_copies
from services.records.deposits.steps.apply_deposit_decisions import apply_deposit_decisions
from services.records.tracking.store import track_documents
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import transaction
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.terminology import oids
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message, outbox
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import (
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_patient,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
)
from tests.records.deposits.test_replacing import by_id, labels_of, patch, replacing

SOMEBODY = Person(89)
MASKED = {"coding": [{"system": oids.TRE_A07_SYSTEM, "code": "MASQUE_PS"}]}
MASK = {"op": "add", "path": "/securityLabel/-", "value": MASKED}
STEPS = 8
"""Statements of a change: one of two that meet begins so many statements after the other, at most."""
MEETINGS = [(early, late) for early in range(STEPS) for late in (0, STEPS // 2) if not (early and late)] * 4


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await api.be_fresh()
    return record_id


async def later(api: RecordsApi, statements: int, deed: Awaitable[object]) -> object:
    """Begins a deed when the database has answered so many statements."""
    for _ in range(statements):
        await api.pool.fetchval("select 1")
    return await deed


async def test_a_document_that_is_replaced_while_the_patient_masks_it_neither_comes_back_nor_loses_the_mask(
    api: RecordsApi, record: UUID
) -> None:
    orders = set()
    for early, late in MEETINGS:
        [old] = await api.publish(a_deposit(SOMEBODY))
        [new] = document_ids(await api.deposit(replacing(by_id(old))))
        masked = patch(api, as_patient(record), old, MASK)
        await asyncio.gather(later(api, early, api.decide(new)), later(api, late, masked))
        announced_types = [type(e) for e in await outbox(api.pool) if getattr(e, "document_id", None) in (old, new)]
        mask_came_first = announced_types.index(DocumentRelabelled) < len(announced_types) - 1 - announced_types[
            ::-1
        ].index(DocumentPublished)
        orders.add(mask_came_first)
        life = await api.pool.fetchval("select life from documents where id = $1", old)
        assert life == "superseded"
        assert "MASQUE_PS" in await labels_of(api, old)
        assert "MASQUE_PS" in await labels_of(api, new), "all versions, whichever came first"
        await api.pool.execute("delete from outbox")
    assert orders == {True, False}, "both ways of meeting were seen"


async def test_replacements_in_many_records_and_choices_about_them_do_not_lock_each_other_out(api: RecordsApi) -> None:
    records = [await api.open_record(Person(number)) for number in range(90, 96)]
    for record in records:
        await api.choose(record, 1)
    for version in range(2, 8):
        decisions = []
        for number, record in zip(range(90, 96), records, strict=True):
            [old] = await api.publish(a_deposit(Person(number)))
            answer = await api.deposit(replacing(by_id(old), person=Person(number)))
            [new] = document_ids(answer)
            decisions.append(message(decided(record, new, deposit_id(answer))))

        async def apply_decisions(messages: list[Message[DepositDecided]]) -> None:
            async with transaction(api.pool) as connection:
                await apply_deposit_decisions(connection, messages)

        async def choose(version: int = version) -> None:
            states = [
                ConsentStateChanged(record_id=record, version=version, changed_at=clock.now()) for record in records
            ]
            async with transaction(api.pool) as connection:
                await apply_consent_copies(connection, [message(state) for state in states])

        await asyncio.gather(
            apply_decisions(decisions), choose(), apply_decisions(decisions[::-1]), apply_decisions(decisions[3:])
        )
    lives = await api.pool.fetch("select life, count(*) as documents from documents group by life order by life")
    assert [tuple(row) for row in lives] == [("current", 36), ("superseded", 36)]


async def test_a_decision_finds_its_documents_though_others_change_them_meanwhile(
    api: RecordsApi, record: UUID
) -> None:
    """Also those of the partitions that were not looked at last: `test_rows_of_a_partitioned_table_...`."""
    people = [Person(number) for number in range(90, 98)]
    decisions, documents = [], []
    for person in people:
        other = await api.open_record(person)
        await api.choose(other, 1)
        answer = await api.deposit(bundle_of(a_deposit(person)))
        [document] = document_ids(answer)
        documents.append(document)
        decisions.append(message(decided(other, document, deposit_id(answer))))
    async with transaction(api.pool) as tracker:
        await track_documents(tracker, {document: clock.now() for document in documents}, {})

        async def apply_decisions() -> None:
            async with transaction(api.pool) as connection:
                await apply_deposit_decisions(connection, decisions)

        applying = asyncio.create_task(apply_decisions())
        await eventually(lambda: somebody_waits(api))
    await applying
    rows = await api.pool.fetch("select status, audited_at from documents")
    assert [(row["status"], row["audited_at"] is not None) for row in rows] == [("published", True)] * len(people)


async def test_the_tracking_finds_its_documents_though_others_change_them_meanwhile(
    api: RecordsApi, record: UUID
) -> None:
    documents = []
    for number in range(90, 98):
        await api.open_record(Person(number))
        documents += await api.publish(a_deposit(Person(number)))
    async with transaction(api.pool) as other:
        await other.execute("update documents set archived = true")

        async def track() -> None:
            async with transaction(api.pool) as connection:
                await track_documents(connection, {document: clock.now() for document in documents}, {})

        tracking = asyncio.create_task(track())
        await eventually(lambda: somebody_waits(api))
    await tracking
    assert await api.pool.fetchval("select count(*) from documents where audited_at is null") == 0


async def somebody_waits(api: RecordsApi) -> bool:
    query = """
    select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"""
    return bool(await api.pool.fetchval(query))
