"""Documents from before the day of care stood in clear get it from a loop, which can be interrupted at any point."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from services.records.documents.usecases import fill_care_days as filling
from services.records.documents.usecases.fill_care_days import fill_care_days
from shared.db.pool import transaction
from tests.infra.load.documents import Person
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient
from tests.records.documents.test_filters import BY_CARE, titles
from tests.records.documents.test_rubrics import on

SOMEBODY = Person(88)
DAYS = ["2024-01-01", "2026-10-10", "2025-06-06"]
FORGET = """
update documents set care_on = null;
update care_day_position set bucket = -1, document_id = '00000000-0000-0000-0000-000000000000', is_finished = false"""
INSERT_AS_THE_FORMER_RELEASE = """
create temporary table former on commit drop as select * from documents;
update former set care_on = null;
delete from documents;
insert into documents select * from former"""


@pytest.fixture
async def record(api: RecordsApi) -> AsyncIterator[UUID]:
    record = await api.open_record(SOMEBODY)
    await api.be_fresh()
    for day in DAYS:
        await api.publish(a_deposit(SOMEBODY, title=day, period_start=on(day)))
    yield record
    await api.pool.execute("update care_day_position set is_finished = true")


async def days(api: RecordsApi) -> list[str]:
    rows = await api.pool.fetch(
        "select d.care_on::text, c.care_on::text as listed from documents d"
        " join document_combinations c on c.document_id = d.id order by d.id"
    )
    assert [row["care_on"] for row in rows] == [row["listed"] for row in rows]
    return [row["care_on"] for row in rows]


async def fill_all(api: RecordsApi) -> int:
    """Fills until nothing is left; returns the number of pages."""
    number = 0
    while await fill_care_days(api.pool, api.vault):
        number += 1
    return number


async def test_the_walk_fills_every_document_and_then_ends(api: RecordsApi, record: UUID) -> None:
    await api.pool.execute(FORGET)
    assert set(await days(api)) == {None}
    assert await fill_all(api) == 2, "a page of all, and one that finds nothing more"
    assert await days(api) == DAYS
    assert await fill_all(api) == 0
    assert await titles(api, record, as_patient(record), **BY_CARE) == sorted(DAYS, reverse=True)


async def test_a_walk_that_is_interrupted_goes_on_behind_its_last_page(
    api: RecordsApi, record: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAGE", 1)
    await api.pool.execute(FORGET)
    assert await fill_care_days(api.pool, api.vault)
    assert sorted(day is not None for day in await days(api)) == [False, False, True]
    assert await fill_all(api) == 3
    assert await days(api) == DAYS


async def test_until_it_is_filled_a_document_is_listed_last_and_found_in_its_period(
    api: RecordsApi, record: UUID
) -> None:
    await api.pool.execute("update documents set care_on = null where care_on = '2026-10-10'")
    listed = await titles(api, record, as_patient(record), **BY_CARE)
    assert listed == ["2025-06-06", "2024-01-01", "2026-10-10"]
    assert await titles(api, record, as_patient(record), period="2026-10") == ["2026-10-10"]
    assert await titles(api, record, as_patient(record), period="2025") == ["2025-06-06"]


async def test_what_the_former_release_inserts_meanwhile_is_filled_after_the_walk(
    api: RecordsApi, record: UUID
) -> None:
    await api.pool.execute("update care_day_position set is_finished = true")
    async with transaction(api.pool) as connection:
        await connection.execute(INSERT_AS_THE_FORMER_RELEASE)
    assert await api.pool.fetchval("select count(*) from care_days_missing") == len(DAYS)
    assert await fill_all(api) == 1
    assert await days(api) == DAYS
    assert await api.pool.fetchval("select count(*) from care_days_missing") == 0


async def test_only_one_process_walks(api: RecordsApi, record: UUID) -> None:
    await api.pool.execute(FORGET)
    async with transaction(api.pool) as connection:
        await connection.execute("select from care_day_position for update")
        assert not await fill_care_days(api.pool, api.vault)
    assert await fill_care_days(api.pool, api.vault)
