"""No connection to PostgreSQL outlives its greatest age, so that renewed certificates and rotated authorities count."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from services.consent.choices import adapters
from services.consent.choices.adapters import InForceNotifier
from shared.db.notifications import notify_after_commit
from shared.db.pool import Pool, create_pool, transaction
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.platform.certificates import Authority
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually
from tests.shared.db.test_tls import front_of, verified

AT_ONCE_S = 1e-9
"""An age that every connection has when it is released."""
BACKEND = "select pg_backend_pid()"


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database("consent")


@asynccontextmanager
async def pool_of(dsn: str, max_age_s: float) -> AsyncIterator[Pool]:
    settings = PostgresSettings.model_validate({"dsn": dsn, "max_connection_age_s": max_age_s})
    pool = await create_pool(settings, application="tests")
    try:
        yield pool
    finally:
        pool.terminate()


async def test_a_connection_is_kept_until_it_is_old(database: Database) -> None:
    async with pool_of(database.dsn, 3600) as pool:
        assert len({await pool.fetchval(BACKEND) for _ in range(3)}) == 1
    async with pool_of(database.dsn, AT_ONCE_S) as pool:
        assert len({await pool.fetchval(BACKEND) for _ in range(3)}) == 3


async def test_an_old_connection_ends_after_its_transaction_and_never_in_it(database: Database) -> None:
    async with pool_of(database.dsn, AT_ONCE_S) as pool:
        async with transaction(pool) as connection:
            backends = {await connection.fetchval(BACKEND) for _ in range(3)}
            await connection.execute("insert into outbox_lanes (lane) values (7)")
        assert len(backends) == 1
        assert await pool.fetchval("select count(*) from outbox_lanes where lane = 7") == 1
        await asyncio.gather(*(pool.fetchval(BACKEND) for _ in range(40)))
        assert pool.get_size() <= pool.get_max_size()


async def test_what_an_old_connection_had_to_notify_is_still_sent(database: Database) -> None:
    heard = asyncio.Event()
    listener = await asyncpg.connect(database.dsn)
    await listener.add_listener("heard", lambda *_: heard.set())
    async with pool_of(database.dsn, AT_ONCE_S) as pool:
        async with transaction(pool) as connection:
            notify_after_commit(connection, "heard")
        assert await asyncio.wait_for(heard.wait(), 60)
    await listener.close()


async def test_a_pool_follows_the_authority_and_the_certificate_of_its_server(
    database: Database, tmp_path: Path
) -> None:
    former, present = Authority(tmp_path, "former"), Authority(tmp_path, "present")
    front = front_of(database, former)
    used = Authority(tmp_path, "used")
    shutil.copy(former.file, used.file)
    async with front.listening(), pool_of(verified(database.owner_dsn, front, used), AT_ONCE_S) as pool:
        await pool.fetchval(BACKEND)
        front.show(present.issue("renewed", ["localhost"]))
        with pytest.raises(ssl.SSLCertVerificationError):
            await pool.fetchval(BACKEND)
        shutil.copy(present.file, used.file)
        assert await pool.fetchval(BACKEND) > 0


async def test_the_listener_for_changes_in_force_connects_anew_and_hears_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "RECONNECT_S", 0.01)
    authority = Authority(tmp_path)
    front = front_of(database, authority)
    async with front.listening():
        dsn = verified(database.owner_dsn, front, authority)
        settings = PostgresSettings.model_validate({"dsn": dsn, "max_connection_age_s": 0.1})
        async with InForceNotifier(settings).listening():

            async def has_connected_thrice() -> bool:
                return len(front.startups) >= 3

            assert await eventually(has_connected_thrice)
