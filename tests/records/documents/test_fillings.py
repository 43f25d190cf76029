"""A big table is filled page after page: it can be interrupted, and holds up neither deposits nor erasures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from services.records.erasure.steps import erase_record
from services.records.erasure.store import remove_rows
from shared.db.backfill import fill
from shared.db.migrate import Migration, migrate, migrations_of
from shared.db.pool import transaction
from shared.erasure.erased_records import ErasureFinisher
from tests.infra.erasure.erasing import erased, finish
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import APP, Database
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import RecordsApi, a_deposit, bundle_of, run_records_api

NAME = "records/0008_pre_fill_document_combinations.sql"
SOMEBODY, OTHER = Person(89), Person(90)
FOLDER = Path(__file__).parents[3] / "services/records/migrations"
MISSING = """
select count(*) from documents d
where not exists (select from document_combinations c where c.document_id = d.id)"""
FILLED = """
select c.document_id, c.record_id, c.organisation_id, c.author_ids, c.depositor_id, combinations.facts
from document_combinations c join combinations on combinations.id = c.combination_id order by c.document_id"""
FACTS = """
insert into combinations (facts)
select distinct document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                               shown_to_representatives, deposited_by, in_secret) from documents"""


@pytest.fixture
async def api(database: Database) -> AsyncIterator[RecordsApi]:
    async with run_records_api(database) as made:
        yield made


@asynccontextmanager
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        yield connection
    finally:
        await connection.close()


def filling(page: int) -> Migration:
    """The migration, with pages of so many documents."""
    [migration] = [migration for migration in migrations_of("records", FOLDER) if migration.name == NAME]
    assert migration.batch is not None
    return replace(migration, batch=migration.batch.replace("limit 500", f"limit {page}"))


async def as_before(database: Database) -> None:
    """As it was before documents had combinations."""
    async with owner(database) as connection:
        await connection.execute("truncate document_combinations, combinations restart identity")
        await connection.execute("delete from schema_migrations where name = $1", NAME)


async def test_it_is_filled_page_after_page_and_recorded_as_the_migration_that_it_stands_for(
    api: RecordsApi, database: Database
) -> None:
    await api.open_record(SOMEBODY)
    await api.publish(*(a_deposit(SOMEBODY) for _ in range(8)))
    async with owner(database) as connection:
        checksum = await connection.fetchval("select checksum from schema_migrations where name = $1", NAME)
        expected = await connection.fetch(FILLED)
        await as_before(database)
        assert await migrate(database.owner_dsn, [filling(3)], APP) == 1
        assert await connection.fetch(FILLED) == expected
        assert await connection.fetchval("select checksum from schema_migrations where name = $1", NAME) == checksum
        assert await connection.fetchval("select count(*) from schema_fillings") == 0
    assert await migrate(database.owner_dsn, migrations_of("records", FOLDER), APP) == 0, "everything is applied"


async def test_a_run_that_was_interrupted_goes_on_where_it_was(api: RecordsApi, database: Database) -> None:
    await api.open_record(SOMEBODY)
    documents = sorted(await api.publish(*(a_deposit(SOMEBODY) for _ in range(6))))
    await as_before(database)
    async with owner(database) as first, owner(database) as second:
        async with transaction(api.pool) as holder:
            await holder.execute("select from documents where id = $1 for update", documents[4])
            running = asyncio.create_task(fill(first, NAME, filling(2).batch or ""))

            async def has_come_far() -> bool:
                return bool(await api.pool.fetchval("select count(*) = 4 from document_combinations"))

            await eventually(has_come_far)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert await second.fetchval("select filled from schema_fillings") == 4
        await fill(second, NAME, filling(2).batch or "")
        assert await second.fetchval("select filled from schema_fillings") == 6, "no page was filled twice"
        assert await second.fetchval(MISSING) == 0


async def test_deposits_go_on_beside_it(api: RecordsApi, database: Database) -> None:
    await api.open_record(SOMEBODY)
    await api.publish(*(a_deposit(SOMEBODY) for _ in range(30)))
    await as_before(database)
    running = asyncio.create_task(migrate(database.owner_dsn, [filling(1)], APP))
    answers = [await api.deposit(bundle_of(a_deposit(SOMEBODY))) for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    await running
    assert await api.pool.fetchval(MISSING) == 0


async def test_it_gives_way_to_a_deposit_under_way(api: RecordsApi, database: Database) -> None:
    """Whose combination is new, and not committed yet."""
    await api.open_record(SOMEBODY)
    await api.publish(a_deposit(SOMEBODY))
    await as_before(database)
    async with transaction(api.pool) as depositor:
        await depositor.execute(FACTS)
        running = asyncio.create_task(migrate(database.owner_dsn, [filling(5)], APP))
        await eventually(lambda: gave_way(database))
        assert not running.done()
    await running
    assert await api.pool.fetchval(MISSING) == 0


async def gave_way(database: Database) -> bool:
    """Whether the page was rolled back and waits for its next attempt; a role sees its own sessions."""
    query = "select exists (select from pg_stat_activity where state = 'idle' and query ilike 'rollback%')"
    async with owner(database) as connection:
        return bool(await connection.fetchval(query))


async def test_nothing_is_left_of_a_record_that_is_erased_meanwhile(api: RecordsApi, database: Database) -> None:
    record, kept = await api.open_record(SOMEBODY), await api.open_record(OTHER)
    await api.publish(a_deposit(SOMEBODY))
    await api.publish(a_deposit(OTHER))
    await as_before(database)
    async with owner(database) as connection:
        async with transaction(api.pool) as depositor:  # lets the page wait when it has seen its documents
            await depositor.execute(FACTS)
            page = asyncio.create_task(connection.fetchrow(filling(5).batch or "", ""))
            await eventually(lambda: page_waits(database))
            async with transaction(api.pool) as eraser:
                await erase_record(eraser, [message(erased(record))])
            erasing = asyncio.create_task(finish(api.pool, ErasureFinisher("records", remove_rows), record))
            await eventually(lambda: erased_or_waiting(api, erasing))
        await asyncio.gather(page, erasing)
    left = await api.pool.fetch("select record_id from document_combinations")
    assert [row["record_id"] for row in left] == [kept]
    assert await api.pool.fetchval("select acknowledged_at from erased_records where record_id = $1", record)


WAITS = """
select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"""


async def page_waits(database: Database) -> bool:
    async with owner(database) as connection:
        return bool(await connection.fetchval(WAITS))


async def erased_or_waiting(api: RecordsApi, erasing: asyncio.Task[int]) -> bool:
    return erasing.done() or bool(await api.pool.fetchval(WAITS))
