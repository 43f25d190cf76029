"""Fixtures of the tests of records: its API on a database of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conftest import NewDatabase
from tests.infra.platform.databases import Database, Databases
from tests.infra.records.records_api import RecordsApi, run_records_api


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    """A migrated database of records."""
    return await new_database("records")


@pytest_asyncio.fixture(scope="module")
async def shared_records_api(databases: Databases) -> AsyncIterator[RecordsApi]:
    """The API of records on a database of its own."""
    database = await databases.new("records")
    async with run_records_api(database) as made:
        yield made
    await databases.give_back(database)


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    """Nothing in it."""
    await shared_records_api.be_empty()
    await shared_records_api.be_fresh()
    return shared_records_api
