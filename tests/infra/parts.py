"""The real PostgreSQL and Kafka of a test run: from the environment, else containers, else the embedded ones.

Environment: `DMP_TEST_POSTGRES_DSN` (a superuser) and `DMP_TEST_KAFKA_BOOTSTRAP`, with
`DMP_TEST_KAFKA_PASSWORD_<USER>` for SASL/SCRAM-SHA-512 users (admin, ops and the services); without them, plain text.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.local.stack import Part, Stack
from shared.contracts.topics import SERVICES

USERS = ("admin", "ops", *SERVICES)


@dataclass(frozen=True)
class Parts:
    """Where the two servers are. `passwords` is empty on a broker without SASL."""

    postgres_dsn: str
    kafka_bootstrap: str
    passwords: Mapping[str, str]

    @property
    def has_acls(self) -> bool:
        """Whether the broker knows who is who."""
        return bool(self.passwords)


@asynccontextmanager
async def parts() -> AsyncIterator[Parts]:
    """Both servers for the time of the block."""
    dsn, bootstrap = os.environ.get("DMP_TEST_POSTGRES_DSN"), os.environ.get("DMP_TEST_KAFKA_BOOTSTRAP")
    passwords = {user: os.environ.get(f"DMP_TEST_KAFKA_PASSWORD_{user.upper()}", "") for user in USERS}
    async with AsyncExitStack() as resources:
        if dsn is None:
            dsn = _postgres_container(resources)
        if bootstrap is None:
            bootstrap = _kafka_container(resources)
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


async def _hurry(dsn: str) -> None:
    """A server that is thrown away need not survive a power cut; cloning databases is several times faster."""
    connection = await asyncpg.connect(dsn)
    try:
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"alter system set {setting} = off")
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()


def _postgres_container(resources: AsyncExitStack) -> str | None:
    if not _docker_works():
        return None
    from testcontainers.community.postgres import PostgresContainer

    container = resources.enter_context(PostgresContainer("postgres:18", driver=None))
    url: str = container.get_connection_url()
    return url


def _kafka_container(resources: AsyncExitStack) -> str | None:
    if not _docker_works():
        return None
    from testcontainers.community.kafka import KafkaContainer

    container = resources.enter_context(KafkaContainer("apache/kafka:4.1.1").with_kraft())
    bootstrap: str = container.get_bootstrap_server()
    return bootstrap


def _docker_works() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env().ping()
    except DockerException:
        return False
    return True
