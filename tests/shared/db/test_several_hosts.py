"""Connection strings that name several hosts, of which one takes writes: the others may be away, or silent."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import ValidationError

from shared.db.connection import open_connection
from shared.db.pool import ANSWER, create_pool
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.e2e.acting import free_port

WRITABLE = "?target_session_attrs=read-write"


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that accepts connections and says nothing on them, like one that lost its power after that."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
async def dsn(new_database: NewDatabase) -> str:
    return (await new_database("consent")).dsn


def with_hosts(dsn: str, *before: str, login: str | None = None) -> str:
    """Returns the connection string with further hosts before its own."""
    parts = urlsplit(dsn)
    own, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login or own}@{','.join([*before, host])}").geturl() + WRITABLE


async def test_an_api_is_connected_in_time_though_the_first_host_is_silent(dsn: str, silent_host: str) -> None:
    settings = PostgresSettings.model_validate({"dsn": with_hosts(dsn, silent_host)})
    pool = await create_pool(settings, application="tests", limits=ANSWER)
    try:
        assert await pool.fetchval("select not pg_is_in_recovery()")
    finally:
        pool.terminate()


async def test_a_host_on_which_nothing_listens_is_passed_over(dsn: str) -> None:
    connection = await open_connection(with_hosts(dsn, f"127.0.0.1:{free_port()}"), timeout=60)
    assert await connection.fetchval("select not pg_is_in_recovery()")
    await connection.close()


async def test_a_refused_password_is_the_error_whatever_the_other_hosts_say(dsn: str) -> None:
    login = f"{urlsplit(dsn).username}:wrong"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await open_connection(with_hosts(dsn, f"127.0.0.1:{free_port()}", login=login), timeout=60)


async def test_only_silent_hosts_are_given_up_after_the_time_limit(silent_host: str) -> None:
    with pytest.raises(TimeoutError):
        await open_connection(f"postgresql://app@{silent_host},{silent_host}/consent{WRITABLE}", timeout=0.5)


def test_several_hosts_of_which_a_standby_might_be_used_are_refused_in_words() -> None:
    with pytest.raises(ValidationError, match="several hosts need `target_session_attrs=read-write`"):
        PostgresSettings.model_validate({"dsn": "postgresql://app@127.0.0.1,localhost/consent"})
