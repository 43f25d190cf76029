"""Starts the whole installation, like `dmp up`, once for all end-to-end tests."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.client import Dmp, connect
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from tests.records.conftest import api, shared_records_api  # noqa: F401  # fixtures


@pytest_asyncio.fixture(scope="package")
async def stack() -> AsyncIterator[Stack]:
    """Five services in their processes, PostgreSQL, Kafka and the mail catcher, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="dmp-e2e-") as folder:
        async with Stack(Path(folder) / "var") as running:
            await bootstrap(running.layout)
            yield running


@pytest_asyncio.fixture(scope="package")
async def dmp(stack: Stack) -> AsyncIterator[Dmp]:
    """A client of the installation."""
    async with connect(endpoints.read(stack.layout)) as connected:
        yield connected
