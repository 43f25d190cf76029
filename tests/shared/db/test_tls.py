"""Every connection to PostgreSQL is encrypted and verified as the connection string says."""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from services.consent.choices.adapters import InForceNotifier
from shared.db.errors import is_transient
from shared.db.key_uses import connect
from shared.db.migrate import migrate
from shared.db.pool import create_pool
from shared.messaging.outbox.lanes import RelayFencedError
from shared.messaging.outbox.relay import Relay
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.tls_servers import TlsFront


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def server(database: Database, authority: Authority) -> AsyncIterator[TlsFront]:
    """The server of the tests behind TLS; its certificate names the host `localhost` alone."""
    front = front_of(database, authority)
    async with front.listening():
        yield front


def front_of(database: Database, authority: Authority) -> TlsFront:
    """Returns TLS before the database, with a certificate for the host `localhost` alone."""
    parts = urlsplit(database.dsn)
    return TlsFront(parts.hostname or "", parts.port or 5432, authority.issue("postgres", ["localhost"]))


def verified(dsn: str, server: TlsFront, authority: Authority, host: str = "localhost") -> str:
    """Returns a connection string as docs/operations.md advises it."""
    parts = urlsplit(dsn)
    place = f"{parts.username}:{parts.password}@{host}:{server.port}"
    return f"postgresql://{place}{parts.path}?sslmode=verify-full&sslrootcert={authority.file}"


ROOT = Path(__file__).parents[3]


def settings(dsn: str) -> PostgresSettings:
    return PostgresSettings.model_validate({"dsn": dsn})


async def by_pool(dsn: str) -> None:
    pool = await create_pool(settings(dsn), application="pool")
    pool.terminate()


async def by_keys(dsn: str) -> None:
    await (await connect(settings(dsn), "keys")).close()


async def by_migrate(dsn: str) -> None:
    await migrate(dsn, [], "postgres")


async def by_relay(dsn: str) -> None:
    relay = Relay(dsn, fail, source="/services/consent")
    with pytest.raises(RelayFencedError):
        await relay._lead()


async def fail(_lane: int | None) -> Any:
    """Instead of a producer: the relay is connected to its database by now."""
    raise RelayFencedError


async def by_notifier(dsn: str) -> None:
    listening = asyncio.create_task(InForceNotifier(settings(dsn))._listen_once())
    await asyncio.wait({listening}, timeout=1)
    if not listening.cancel():
        await listening


OPENERS = [by_pool, by_keys, by_migrate, by_relay, by_notifier]


@pytest.mark.parametrize("connected", OPENERS)
async def test_a_server_that_is_proven_is_spoken_to_over_tls(
    connected: Callable[[str], Awaitable[None]], database: Database, server: TlsFront, authority: Authority
) -> None:
    await connected(verified(database.owner_dsn, server, authority))
    assert len(server.startups) >= 1


@pytest.mark.parametrize("connected", OPENERS)
async def test_a_server_that_is_not_proven_is_not_spoken_to(
    connected: Callable[[str], Awaitable[None]],
    database: Database,
    server: TlsFront,
    authority: Authority,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    another = Authority(tmp_path_factory.mktemp("another"))
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed") as caught:
        await connected(verified(database.owner_dsn, server, another))
    assert is_transient(caught.value), "work waits until the server is proven, and no message is blamed"
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        await connected(verified(database.owner_dsn, server, authority, "127.0.0.1"))
    assert server.startups == []


async def test_a_process_ends_in_words_when_its_server_is_not_proven(
    database: Database, server: TlsFront, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dsn = verified(database.owner_dsn, server, Authority(tmp_path_factory.mktemp("another")))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.consent", "migrate"),
        cwd=ROOT,
        env={
            **os.environ,
            "CONSENT_POSTGRES__DSN": dsn,
            "CONSENT_POSTGRES__OWNER_DSN": dsn,
            "CONSENT_KAFKA__BOOTSTRAP": "127.0.0.1:1",
            "CONSENT_TOKENS__ISSUER": "http://127.0.0.1:1",
            "CONSENT_TOKENS__JWKS_URL": "http://127.0.0.1:1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 75
    assert errors.decode().startswith("consent: CONSENT_POSTGRES__OWNER_DSN: TLS with localhost:")
    assert "its certificate cannot be verified" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize(
    ("dsn", "words"),
    [
        ("postgresql://app@db.example/records", "beyond this machine needs `sslmode`"),
        ("postgresql://app@db.example/records?sslmode=prefer", "beyond this machine needs `sslmode`"),
        ("postgresql://app@127.0.0.1,db.example/records", "beyond this machine needs `sslmode`"),
        ("postgresql:///records?host=db.example", "beyond this machine needs `sslmode`"),
        ("postgresql://app@db.example/records?sslmode=verify-full&sslrootcert=/nowhere.pem", "`sslrootcert` names"),
    ],
)
def test_a_connection_string_that_leaves_tls_open_is_refused_in_words(dsn: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(dsn)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://app@localhost:5432/records",
        "postgresql://app@[::1]:5432/records",
        "postgresql:///records?host=/var/run/postgresql",
        "postgresql://app@db.example/records?sslmode=verify-full",
        "postgresql://app@db.example/records?sslmode=disable",
    ],
)
def test_a_connection_string_on_this_machine_or_with_settled_tls_is_taken(dsn: str) -> None:
    assert settings(dsn).dsn.get_secret_value() == dsn
