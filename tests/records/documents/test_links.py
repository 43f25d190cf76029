"""Two records of one person: seen as one, each document judged by its own record's state and both records' blocks."""

import asyncio
from uuid import UUID

import httpx2
import pytest

from services.records.copies.store.reads import read_locked
from shared.contracts.audit import AccessRecorded
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.mixes import in_mode
from tests.infra.records.records_api import (
    OTHER_DOCTOR,
    TEXT,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    times_held,
)

FIRST, SECOND = Person(83), Person(84)
"""The same person, known under two numbers."""


@pytest.fixture
async def records(api: RecordsApi) -> tuple[UUID, UUID]:
    """OTHER_DOCTOR is authorised in the first only. Not linked yet."""
    first, second = await api.open_record(FIRST), await api.open_record(SECOND)
    await api.choose(first, 1, authorised=[OTHER_DOCTOR])
    await api.choose(second, 1)
    return first, second


async def link(api: RecordsApi, first: UUID, second: UUID) -> None:
    await api.open_record(FIRST, record_id=first, linked_to=second)
    await api.open_record(SECOND, record_id=second, linked_to=first)


async def unlink(api: RecordsApi, first: UUID, second: UUID) -> None:
    await api.open_record(FIRST, record_id=first)
    await api.open_record(SECOND, record_id=second)


def ids(answer: httpx2.Response) -> list[UUID]:
    assert answer.status_code == 200, answer.text
    return [UUID(entry["resource"]["id"]) for entry in answer.json().get("entry", [])]


async def listed(api: RecordsApi, token: str, record: UUID) -> list[UUID]:
    return ids(await api.search(token, patient=str(record), status="current"))


async def test_the_person_sees_both_as_one_and_after_the_end_of_the_link_as_before(
    api: RecordsApi, records: tuple[UUID, UUID]
) -> None:
    first, second = records
    [older] = await api.publish(a_deposit(FIRST))
    [newer] = await api.publish(a_deposit(SECOND))
    assert await listed(api, as_patient(first), first) == [older]
    await link(api, first, second)
    for token, record in ((as_patient(first), first), (as_patient(first), second), (as_patient(second), first)):
        assert await listed(api, token, record) == [newer, older]
    answer = await api.get(f"/fhir/Binary/{newer}", as_patient(first))
    assert (answer.status_code, answer.content) == (200, TEXT)
    await unlink(api, first, second)
    assert await listed(api, as_patient(first), first) == [older]
    assert await listed(api, as_patient(second), second) == [newer]
    assert (await api.get(f"/fhir/Binary/{newer}", as_patient(first))).status_code == 404


async def test_a_professional_reads_in_each_record_what_that_record_allows(
    api: RecordsApi, records: tuple[UUID, UUID]
) -> None:
    first, second = records
    [allowed] = await api.publish(a_deposit(FIRST))
    [not_allowed] = await api.publish(a_deposit(SECOND))
    await link(api, first, second)
    assert await listed(api, as_doctor(OTHER_DOCTOR), first) == [allowed]
    assert (await api.get(f"/fhir/Binary/{not_allowed}", as_doctor(OTHER_DOCTOR))).status_code == 404


async def test_a_block_in_one_record_holds_in_the_other(api: RecordsApi, records: tuple[UUID, UUID]) -> None:
    first, second = records
    [document] = await api.publish(a_deposit(FIRST))
    await api.choose(second, 2, blocked=[OTHER_DOCTOR])
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 200
    await link(api, first, second)
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 404
    assert await listed(api, as_doctor(OTHER_DOCTOR), first) == []
    await unlink(api, first, second)
    assert (await api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR))).status_code == 200


async def test_a_search_is_traced_in_both_records(api: RecordsApi, records: tuple[UUID, UUID]) -> None:
    await link(api, *records)
    await listed(api, as_patient(records[0]), records[0])
    traces = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"]
    assert {trace.record_id for trace in traces} == set(records)


async def test_pages_go_through_both_records_in_one_order(api: RecordsApi, records: tuple[UUID, UUID]) -> None:
    first, second = records
    documents = [(await api.publish(a_deposit(person)))[0] for person in (FIRST, SECOND, SECOND, FIRST, SECOND)]
    await link(api, first, second)
    answer = await api.search(as_patient(first), patient=str(first), status="current", _count="2")
    listed_ids = ids(answer)
    while following := [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]:
        answer = await api.get(following[0], as_patient(first))
        listed_ids += ids(answer)
    assert listed_ids == documents[::-1]


async def test_a_change_in_the_other_record_waits_for_a_reader_of_this_one(
    api: RecordsApi, records: tuple[UUID, UUID]
) -> None:
    """Both rows are held: no read under the other record's older choices follows the newer ones."""
    first, second = records
    [document] = await api.publish(a_deposit(FIRST))
    await link(api, first, second)
    async with api.pool.acquire() as holder, read_locked(holder):
        await holder.execute("select id from records where id = any($1) order by id for update", list(records))
        before = times_held()

        async def tried() -> bool:
            return times_held() > before

        reading = asyncio.create_task(api.get(f"/fhir/Binary/{document}", as_doctor(OTHER_DOCTOR)))
        await eventually(tried)
        block = """
        update consent_states set state = jsonb_set(state, '{blocked}', to_jsonb($2::text[])) where record_id = $1"""
        await holder.execute(block, second, [OTHER_DOCTOR])
    assert (await reading).status_code == 404


async def test_a_link_to_a_record_that_is_not_known_here_yet_refuses_for_now(
    api: RecordsApi, records: tuple[UUID, UUID]
) -> None:
    first, _ = records
    await api.open_record(FIRST, record_id=first, linked_to=UUID(int=5))
    answer = await api.search(as_patient(first), patient=str(first), status="current")
    assert answer.status_code == 503


async def test_the_emergency_of_one_record_is_one_of_the_other_while_they_are_linked(
    api: RecordsApi, records: tuple[UUID, UUID]
) -> None:
    first, second = records
    [newer] = await api.publish(a_deposit(SECOND))
    token = in_mode("bris_de_glace", first, "899900000042")
    assert (await api.get(f"/fhir/Binary/{newer}", token)).status_code == 404
    await link(api, first, second)
    assert (await api.get(f"/fhir/Binary/{newer}", token)).status_code == 200
    await unlink(api, first, second)
    assert (await api.get(f"/fhir/Binary/{newer}", token)).status_code == 404
