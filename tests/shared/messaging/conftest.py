"""A broker that speaks TLS, for all tests of this folder that ask."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.infra.platform.tls_servers import TlsKafka, tls_kafka


@pytest_asyncio.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TlsKafka]:
    async with tls_kafka(tmp_path_factory.mktemp("tls")) as running:
        yield running
