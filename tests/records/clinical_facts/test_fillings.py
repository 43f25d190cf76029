"""Documents from before facts were read get an empty block, page after page, and are then read like any other."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.records.clinical_facts.adapters.extractor import Extractor
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION
from shared.db.backfill import fill
from shared.runtime.clock import bucket_of
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.records.facts import FactsAtWork, facts_of
from tests.infra.records.records_api import a_deposit, bundle_of, run_records_api

NAME = "records/0066_pre_fill_fact_blocks.sql"
FOLDER = Path(__file__).parents[3] / "services/records/migrations"
PAGE = (FOLDER / "0066_pre_fill_fact_blocks.batch.sql").read_text("utf-8").replace("limit 500", "limit 2")
LEFT_BEHIND = (FOLDER / "0092_post_remove_blocks_of_erased_records.sql").read_text("utf-8")
SOMEBODY = Person(43)
BLOCKS = "select document_id, extractor_version, octet_length(block) as size from fact_blocks order by document_id"
EMPTY_BLOCK = "insert into fact_blocks values ($1, $2, 'summary', $3, $4, '')"


@pytest.fixture
async def facts(database: Database, extractor: Extractor) -> AsyncIterator[FactsAtWork]:
    """On a database whose tables its owner can fill."""
    async with run_records_api(database) as api:
        await api.open_record(SOMEBODY)
        yield facts_of(api, extractor)


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.owner_dsn)
    yield connection
    await connection.close()


async def blocks(facts: FactsAtWork) -> dict[UUID, tuple[int, int]]:
    """Returns by document the version of its block, and its size."""
    rows = await facts.api.pool.fetch(BLOCKS)
    return {row["document_id"]: (row["extractor_version"], row["size"]) for row in rows}


async def test_published_documents_without_facts_wait_to_be_read_and_are_read(
    facts: FactsAtWork, owner: asyncpg.Connection
) -> None:
    earlier = [await facts.publish(SOMEBODY, extracted=False) for _ in range(5)]
    read = await facts.publish(SOMEBODY)
    before = await blocks(facts)
    assert (await facts.api.deposit(bundle_of(a_deposit(SOMEBODY)))).status_code == 200, "it is not published"
    await fill(owner, NAME, PAGE)
    assert await blocks(facts) == before | dict.fromkeys(earlier, (0, 0))
    assert await facts.state(earlier[0]) == (None, None)
    assert await facts.extract_again() == len(earlier)
    assert {version for version, _ in (await blocks(facts)).values()} == {EXTRACTOR_VERSION}
    assert (await blocks(facts))[read] == before[read]
    assert await facts.state(earlier[0]) == ("read", None)


async def test_a_filling_that_is_run_again_changes_nothing(facts: FactsAtWork, owner: asyncpg.Connection) -> None:
    documents = sorted([await facts.publish(SOMEBODY, extracted=False) for _ in range(3)])
    row = await owner.fetchrow(PAGE, "")
    assert row is not None
    assert row["filled"] == 2
    await facts.extract_again()
    halfway = await blocks(facts)
    await fill(owner, NAME, PAGE)
    assert await blocks(facts) == halfway | {documents[-1]: (0, 0)}


async def test_nothing_is_left_of_records_that_were_erased_while_it_was_filled(
    facts: FactsAtWork, owner: asyncpg.Connection
) -> None:
    kept = await facts.publish(SOMEBODY)
    waiting = await facts.publish(SOMEBODY, extracted=False)
    await fill(owner, NAME, PAGE)
    erased, document = uuid4(), uuid4()
    await owner.execute(EMPTY_BLOCK, bucket_of(erased), erased, document, 0)
    await owner.execute(LEFT_BEHIND)
    assert set(await blocks(facts)) == {kept, waiting}
