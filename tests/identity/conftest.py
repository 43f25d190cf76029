"""Fixtures that the tests of several rooms of identity use."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from deploy.local.platform.pki import Pki, make_pki
from deploy.local.platform.psc import Provider
from tests.conftest import NewDatabase
from tests.infra.identity.accounts import IdentityApi, run_identity_api
from tests.infra.identity.browser import Site, run_site
from tests.infra.identity.identity_api import running, settings_of
from tests.infra.identity.professionals import DOCTOR, HOSPITAL, providing
from tests.infra.platform.databases import Database, Databases


@pytest_asyncio.fixture
async def database(new_database: NewDatabase) -> Database:
    """An empty database of identity."""
    return await new_database("identity")


@pytest_asyncio.fixture
async def client(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API on it."""
    async with running(settings_of(database)) as made:
        yield made


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[IdentityApi]:
    """The API on it for the tests of accounts, whose refusals come at once."""
    async with run_identity_api(database) as made:
        yield made


@pytest_asyncio.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    """Identity with its pages, whose refusals come at once."""
    async with run_site(database) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def unchanged(databases: Databases) -> AsyncIterator[Database]:
    """One database for all the tests of a file in which nothing may change."""
    made = await databases.new("identity")
    yield made
    await databases.give_back(made)


@pytest_asyncio.fixture(scope="module")
async def refusing(unchanged: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API on it."""
    async with running(settings_of(unchanged)) as made:
        yield made


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Cards of a doctor and a hospital, in the folder of the test."""
    return make_pki(tmp_path, DOCTOR.id, HOSPITAL)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    """An identity provider of professionals on a free port."""
    async with providing() as made:
        yield made
