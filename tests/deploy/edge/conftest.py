"""A database of identity for the tests of the edge."""

import pytest_asyncio

from tests.conftest import NewDatabase
from tests.infra.platform.databases import Database


@pytest_asyncio.fixture
async def database(new_database: NewDatabase) -> Database:
    """An empty database of identity."""
    return await new_database("identity")
