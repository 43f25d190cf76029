"""A database falls silent without closing its connections: callers are answered soon, and the service recovers."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from shared.db.pool import ANSWER, NoConnectionError, create_pool
from shared.http.app import is_ready
from shared.runtime.settings import PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.load.documents import Person
from tests.infra.platform.proxies import Line, line_to
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import RecordsApi, a_deposit, as_patient, bundle_of, codes, run_records_api

pytestmark = pytest.mark.long

LONGEST_S = 5.0


@pytest.fixture
async def silenced(new_database: NewDatabase) -> AsyncIterator[tuple[Line, RecordsApi]]:
    async with line_to(await new_database("records")) as (line, database), run_records_api(database) as api:
        yield line, api


async def timed(request: asyncio.Future[httpx2.Response]) -> tuple[httpx2.Response, float]:
    started = asyncio.get_running_loop().time()
    answer = await request
    return answer, asyncio.get_running_loop().time() - started


async def test_a_silent_database_is_answered_with_503_within_5_s(silenced: tuple[Line, RecordsApi]) -> None:
    line, api = silenced
    record = await api.open_record(Person(89))
    [document] = await api.publish(a_deposit(Person(89)))
    path, token = f"/fhir/DocumentReference/{document}", as_patient(record)
    answers = await asyncio.gather(*(api.get(path, token) for _ in range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await api.client.get("/readyz")).status_code == 200

    line.fall_silent()
    for _again in range(2):  # first with open connections, then without any
        requests = [api.get(path, token) for _ in range(24)]
        requests += [api.deposit(bundle_of(a_deposit(Person(89)))) for _ in range(4)]
        requests += [api.client.get("/readyz")]
        times = await asyncio.gather(*(timed(asyncio.ensure_future(request)) for request in requests))
        for answer, seconds in times:
            assert answer.status_code == 503
            assert seconds < LONGEST_S
        for answer, _ in times[:-1]:
            assert answer.headers["retry-after"] == "5"
            assert codes(answer) == ["unavailable"]

    line.speak()

    async def healed() -> bool:
        return (await api.client.get("/readyz")).status_code == 200 and (await api.get(path, token)).status_code == 200

    assert await eventually(healed)


async def test_a_worker_with_a_silent_database_is_not_ready_within_5_s(new_database: NewDatabase) -> None:
    async with line_to(await new_database("audit")) as (line, database):
        pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests", size=2)
        assert await is_ready(pool, [])
        line.fall_silent()
        held = [asyncio.ensure_future(pool.fetchval("select 1")) for _ in range(4)]  # of a consumer and a loop
        for _again in range(2):
            started = asyncio.get_running_loop().time()
            assert not await is_ready(pool, [])
            assert asyncio.get_running_loop().time() - started < LONGEST_S
        line.speak()

        async def healed() -> bool:
            return await is_ready(pool, [])

        assert await eventually(healed)
        await asyncio.gather(*held, return_exceptions=True)
        pool.terminate()


async def test_a_pool_whose_connections_do_not_come_back_refuses_in_time(new_database: NewDatabase) -> None:
    settings = PostgresSettings.model_validate({"dsn": (await new_database("audit")).dsn})
    pool = await create_pool(settings, application="tests", size=1, limits=ANSWER)
    async with pool.acquire():
        started = asyncio.get_running_loop().time()
        with pytest.raises(NoConnectionError):
            await pool.fetchval("select 1")
        assert asyncio.get_running_loop().time() - started < LONGEST_S
    assert await pool.fetchval("select 1") == 1
    pool.terminate()
