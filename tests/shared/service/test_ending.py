"""An API that is asked to end answers the requests in work, and ends at once without any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest_asyncio

from shared.service.serving import API_SHUTDOWN_S
from tests.conftest import NewDatabase
from tests.infra.identity.identity_api import KEYRING, administrator, open_one, running, settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.processes import read_until, start
from tests.infra.platform.waiting import eventually

PREFERRED_S = 5
"""Longer than any end took before, so that the answer shows that it was waited for."""
RINGS = {"ins_hmac": KEYRING, "contacts": KEYRING, "people_to_call": KEYRING, "persons": KEYRING}
IS_READING = """
select exists (
  select from pg_stat_activity
  where datname = current_database() and application_name = 'identity-api' and query ilike '%from records%'
)"""


@pytest_asyncio.fixture
async def database(new_database: NewDatabase) -> Database:
    """A database of identity."""
    return await new_database("identity")


@asynccontextmanager
async def api_process(database: Database) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx2.AsyncClient]]:
    """Yields a process of identity's API, and a client of it."""
    process = await start(database, "api", rings=RINGS, settings={"HTTP__PORT": "0"})
    assert process.stdout is not None
    try:
        port = (await read_until(process.stdout, "process.started"))["port"]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_request_that_waits_for_its_result_is_answered_when_the_process_ends(database: Database) -> None:
    async with running(settings_of(database)) as client:
        record_id = await open_one(client)
    async with api_process(database) as (process, client):
        headers = administrator() | {"prefer": f"wait={PREFERRED_S}"}
        waiting = asyncio.create_task(client.get(f"/records/{record_id}", headers=headers))
        connection = await asyncpg.connect(database.dsn)

        async def is_reading() -> bool:
            return bool(await connection.fetchval(IS_READING))

        await eventually(is_reading)
        await connection.close()
        process.terminate()
        answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "on-its-way")
    assert answer.headers["connection"] == "close"


async def test_an_idle_connection_does_not_hold_up_the_end(database: Database) -> None:
    async with api_process(database) as (process, client):
        assert (await client.get("/livez")).status_code == 200
        process.terminate()
        async with asyncio.timeout(API_SHUTDOWN_S / 2):
            await process.wait()
    assert process.returncode is not None
