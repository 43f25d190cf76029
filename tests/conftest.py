"""One broker and one server for the whole run; a database and a prefix of topics for each test that asks."""

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from shared.db.pool import Pool, create_pool
from shared.settings import PostgresSettings
from tests.infra.databases import Database, Databases
from tests.infra.parts import Parts, parts
from tests.infra.topics import Topics, make_topics

NewDatabase = Callable[[str], Awaitable[Database]]
NewPool = Callable[[str], Awaitable[Pool]]
_prefixes = itertools.count(1)


@pytest_asyncio.fixture(scope="session")
async def servers() -> AsyncIterator[Parts]:
    """PostgreSQL and Kafka."""
    async with parts() as found:
        yield found


@pytest_asyncio.fixture(scope="session")
async def databases(servers: Parts) -> AsyncIterator[Databases]:
    """Where databases come from."""
    made = Databases(servers.postgres_dsn)
    await made.prepare()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def new_database(databases: Databases) -> AsyncIterator[NewDatabase]:
    """`await new_database("records")`: an empty, migrated database of that service."""
    made: list[Database] = []

    async def new(service: str) -> Database:
        made.append(await databases.new(service))
        return made[-1]

    yield new
    for database in made:
        await databases.drop(database)


@pytest_asyncio.fixture
async def new_pool(new_database: NewDatabase) -> AsyncIterator[NewPool]:
    """`await new_pool("records")`: a pool, as the app role, on a database of that service's own."""
    made: list[Pool] = []

    async def new(service: str) -> Pool:
        database = await new_database(service)
        made.append(await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests"))
        return made[-1]

    yield new
    for pool in made:
        pool.terminate()


@pytest_asyncio.fixture
async def kafka(servers: Parts) -> AsyncIterator[Topics]:
    """All declared topics and their permissions under a prefix of this test's own."""
    topics = await make_topics(servers, f"t{os.getpid()}-{next(_prefixes)}.")
    yield topics
    await topics.close()


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> None:
    """Loopback only."""
    os.environ["NO_PROXY"] = "*"
