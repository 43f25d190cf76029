"""Fixtures of the tests of audit: a database of its own, and its API with a ledger."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import NewDatabase
from tests.infra.audit.ledger import Ledger, audit_api
from tests.infra.platform.databases import Database


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    """An empty database of audit."""
    return await new_database("audit")


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """The ledger of a record, and the API that reads it."""
    async with audit_api(database) as client:
        yield Ledger(client)
