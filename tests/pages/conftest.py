"""A browser for all tests, and for each file the pages at an address of their own."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.infra.pages.browser import running_browser
from tests.infra.pages.site import Site, running_site
from tests.infra.platform.databases import Databases


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with running_browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def site(databases: Databases, browser: Browser) -> AsyncIterator[Site]:
    """The pages of records and audit, and an invented record."""
    databases_of_both = [await databases.new(service) for service in ("records", "audit")]
    async with running_site(*databases_of_both) as running:
        yield running
    for database in databases_of_both:
        await databases.give_back(database)
