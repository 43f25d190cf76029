"""Fixtures of the tests of consent: its API on a database of its own, and a record."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import NewDatabase
from tests.infra.consent.consent_api import ConsentApi, Record, consent_api
from tests.infra.platform.databases import Database


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    """A migrated database of consent."""
    return await new_database("consent")


@pytest.fixture
async def api(database: Database) -> AsyncIterator[ConsentApi]:
    """The API of consent; the directory knows the usual professionals and structures."""
    async with consent_api(database) as served_api:
        yield served_api


@pytest.fixture
async def record(api: ConsentApi) -> Record:
    """An open record."""
    return await api.open_record()
