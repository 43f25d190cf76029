"""One broker and one server for the whole run; a database and a prefix of topics for each test that asks.

With `-n 2` two processes share the files of tests among them, and the broker and the server.
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shared.db.pool import Pool, create_pool
from shared.http import prefer
from shared.runtime.settings import PostgresSettings
from tests.infra.platform.databases import Database, Databases
from tests.infra.platform.parts import Parts, Shared, parts
from tests.infra.platform.supply import Supply
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import DEADLINE_S
from tests.infra.platform.workers import ByFile

NewDatabase = Callable[[str], Awaitable[Database]]
NewPool = Callable[[str], Awaitable[Pool]]
_OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[\w-]{40}", re.IGNORECASE)
_SHARED = pytest.StashKey[Shared]()


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts workers starts their servers."""
    if config.getoption("tx", None) and not hasattr(config, "workerinput") and not config.getoption("collectonly"):
        os.environ.setdefault("PYTHONHASHSEED", "0")  # sets have one order in all workers
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a hundred processes of services need not compile them anew
        config.option.loadscopereorder = False
        config.stash[_SHARED] = Shared()
        config.stash[_SHARED].start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """And ends them, after the last test as after an interruption."""
    if shared := config.stash.get(_SHARED, None):
        shared.end()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keys and ids of one process are not part of a case's name: all workers must know it by the same."""
    return argname if isinstance(val, str | bytes) and _OWN.search(repr(val)) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few and long tests come first, lest one worker have to wait for the other at the end."""
    place: dict[Path, int] = {}
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        weight = 0 if "stack" in fixtures else 1 if "kafka" in fixtures else 2
        place[item.path] = min(weight, place.get(item.path, weight))
    items.sort(key=lambda item: place[item.path])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """The tests of a file run one after another in one process."""
    return ByFile(config, log)


@pytest_asyncio.fixture(scope="session")
async def servers() -> AsyncIterator[Parts]:
    """PostgreSQL and Kafka."""
    async with parts() as running:
        yield running


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
        await databases.give_back(database)


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


@pytest_asyncio.fixture(scope="session")
async def supply(servers: Parts) -> Supply:
    """Where topics come from."""
    return Supply(servers)


@pytest_asyncio.fixture
async def kafka(supply: Supply) -> AsyncIterator[Topics]:
    """All declared topics and their permissions under a prefix of this test's own."""
    topics = await supply.new()
    yield topics
    await supply.give_back(topics)


@pytest.fixture(scope="session", autouse=True)
def _patient_apis() -> None:
    """An API waits for a result as long as its test wants, see `UNTIL_DONE`; how long it really waits is no result."""
    prefer.LONGEST_WAIT_S = DEADLINE_S


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> None:
    """Loopback only."""
    os.environ["NO_PROXY"] = "*"
