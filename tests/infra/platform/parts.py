"""The real PostgreSQL and Kafka of a test run: from the environment, else containers, else the embedded ones.

Several workers (pytest-xdist) share the servers of the process that started them, see `Shared`.

Environment: `DMP_TEST_POSTGRES_DSN` (a superuser) and `DMP_TEST_KAFKA_BOOTSTRAP`, with `DMP_TEST_KAFKA_PASSWORD_<USER>`
for SASL/SCRAM-SHA-512 users (admin, ops and the services); without them, plain text.
"""

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from deploy.local.platform.stack import Part, Stack
from shared.contracts.declarations import OUTSIDE_WRITERS, SERVICES
from tests.infra.platform.containers import kafka_container, postgres_container
from tests.infra.platform.waiting import eventually

SHARED = "DMP_TEST_SHARED_PARTS"
"""The environment variable with the file in which the workers find the addresses of the servers."""
USERS = ("admin", "ops", "scaling", *SERVICES, *OUTSIDE_WRITERS)


@dataclass(frozen=True)
class Parts:
    """The addresses of the two servers. `passwords` is empty for a broker without SASL."""

    postgres_dsn: str
    kafka_bootstrap: str
    passwords: Mapping[str, str]

    @property
    def has_acls(self) -> bool:
        """Whether the broker authenticates its users."""
        return bool(self.passwords)


@asynccontextmanager
async def parts() -> AsyncIterator[Parts]:
    """Yields both servers for the duration of the block."""
    if SHARED in os.environ:
        yield await _read(Path(os.environ[SHARED]))
        return
    async with _own_parts() as running:
        yield running


@asynccontextmanager
async def _own_parts() -> AsyncIterator[Parts]:
    dsn, bootstrap = os.environ.get("DMP_TEST_POSTGRES_DSN"), os.environ.get("DMP_TEST_KAFKA_BOOTSTRAP")
    passwords = {user: os.environ.get(f"DMP_TEST_KAFKA_PASSWORD_{user.upper()}", "") for user in USERS}
    async with AsyncExitStack() as resources:
        if dsn is None:
            dsn = postgres_container(resources)
        if bootstrap is None:
            bootstrap = kafka_container(resources)
        missing: set[Part] = set()
        if dsn is None:
            missing.add("postgres")
        if bootstrap is None:
            missing.add("kafka")
        if missing:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="dmp-test-")))
            stack = await resources.enter_async_context(Stack(folder / "var", parts=missing))
            if dsn is None:
                dsn = stack.postgres.dsn()
                await _hurry(dsn)
            if bootstrap is None:
                bootstrap = stack.kafka.bootstrap
                passwords = {user: stack.kafka.credentials(user).password for user in USERS}
        assert dsn is not None
        assert bootstrap is not None
        yield Parts(dsn, bootstrap, passwords if all(passwords.values()) else {})


class Shared:
    """The servers of all workers of a run: they start while the tests are collected, and end with `end`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dmp-test-")
        self._file = Path(self._folder.name) / "parts.json"
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        # The servers end with the thread that started them, whatever happens to this process.
        self._thread = threading.Thread(target=self._keep, name="servers", daemon=True)

    def start(self) -> None:
        """Starts the servers and returns before they are ready; `parts` in the workers waits for them."""
        self._thread.start()
        os.environ[SHARED] = str(self._file)

    def end(self) -> None:
        """Ends the servers and waits for their end."""
        os.environ.pop(SHARED, None)
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._folder.cleanup()

    def _keep(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        except BaseException as error:
            self._write({"error": repr(error)})
            raise
        finally:
            self._loop.close()

    async def _run(self) -> None:
        async with _own_parts() as running:
            self._write(asdict(running))
            await self._over.wait()

    def _write(self, content: Mapping[str, object]) -> None:
        draft = self._file.with_suffix(".new")
        draft.touch(0o600)
        draft.write_text(json.dumps(content))
        draft.rename(self._file)


async def _read(file: Path) -> Parts:
    async def look() -> str | None:
        return await asyncio.to_thread(file.read_text) if await asyncio.to_thread(file.exists) else None

    content = json.loads(await eventually(look))
    assert "error" not in content, f"the servers of the run did not start: {content['error']}"
    return Parts(**content)


async def _hurry(dsn: str) -> None:
    """Turns off fsync: a temporary server need not survive a power cut, and clones databases several times faster."""
    connection = await asyncpg.connect(dsn)
    try:
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"alter system set {setting} = off")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()
