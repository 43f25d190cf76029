"""While a process is late, the less urgent is refused early, and nothing tells why one asked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.http.admission import LONGEST_DELAY_S, SAMPLES, Load, OverloadedError, Urgency, urgency_for, urgency_of
from shared.http.tokens import Caller
from tests.infra.apis import NAMES, Api, all_apis, routes_of
from tests.infra.databases import Databases
from tests.infra.tokens import bearer, make_token, patient_token, software_token
from tests.infra.waiting import eventually

BULK = {"records /records/{record_id}/what-if", "consent /matrices", "audit /replay"}
DEPOSITS = {"records /fhir", "records /records/{record_id}/documents/{document_id}"}


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    async with all_apis(databases) as made:
        yield made


def late(seconds: float) -> Load:
    load = Load()
    for _ in range(SAMPLES):
        load.add(seconds)
    return load


def refused_at(seconds: float) -> set[Urgency]:
    load, refused = late(seconds), set()
    for urgency in Urgency:
        try:
            load.admit(urgency)
        except OverloadedError:
            refused.add(urgency)
    return refused


def test_the_less_urgent_is_refused_the_earlier() -> None:
    order = [Urgency.BULK, Urgency.DEPOSIT, Urgency.READ, Urgency.CHANGE, Urgency.EMERGENCY]
    assert refused_at(0.0) == set()
    for number, urgency in enumerate(order, 1):
        assert refused_at(LONGEST_DELAY_S[urgency] + 0.01) == set(order[:number])


def test_one_long_step_refuses_nobody_and_a_delay_that_ends_is_forgotten_at_once() -> None:
    load = Load()
    for _ in range(SAMPLES - 1):
        load.add(10.0)
        load.admit(Urgency.BULK)
    load.add(10.0)
    with pytest.raises(OverloadedError):
        load.admit(Urgency.EMERGENCY)
    load.add(0.0)
    load.admit(Urgency.BULK)


def test_only_looking_is_more_urgent_in_an_emergency() -> None:
    def asking(mode: str) -> Caller:
        return Caller("professional", "899900000101", "card", frozenset(), mode=mode)

    assert urgency_for(asking("bris_de_glace"), Urgency.READ) is Urgency.EMERGENCY
    assert urgency_for(asking("centre_15"), Urgency.READ) is Urgency.EMERGENCY
    assert urgency_for(asking("normal"), Urgency.READ) is Urgency.READ
    assert urgency_for(asking("bris_de_glace"), Urgency.BULK) is Urgency.BULK
    assert urgency_for(None, Urgency.CHANGE) is Urgency.CHANGE


@pytest.mark.parametrize("name", NAMES)
def test_what_may_wait_longest_is_named(apis: dict[str, Api], name: str) -> None:
    for urgency, places in ((Urgency.BULK, BULK), (Urgency.DEPOSIT, DEPOSITS)):
        found = {f"{name} {route.path}" for route in routes_of(apis[name].app) if urgency_of(route) is urgency}
        assert found == {one for one in places if one.startswith(f"{name} ")}
    for route in routes_of(apis[name].app):
        if "_search" in route.path:
            assert urgency_of(route) is Urgency.READ, route.path


async def ask(api: Api, method: str, path: str, token: str) -> httpx.Response:
    headers = {**bearer(token), "content-type": "application/fhir+json"}
    return await api.client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)


@pytest.fixture
def records(apis: dict[str, Api]) -> Iterator[Api]:
    """Which has its own load again afterwards."""
    api = apis["records"]
    own = api.app.state.load
    yield api
    api.app.state.load = own


async def test_a_late_process_says_when_to_come_again_and_nothing_else(records: Api) -> None:
    record = uuid4()
    records.app.state.load = late(LONGEST_DELAY_S[Urgency.DEPOSIT] + 0.01)
    deposit = await ask(records, "POST", "/fhir", software_token("software-1", "1990000105"))
    assert (deposit.status_code, deposit.headers["retry-after"]) == (503, "5")
    assert "unavailable" in deposit.text
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", patient_token(record))).status_code == 404

    records.app.state.load = late(LONGEST_DELAY_S[Urgency.READ] + 0.01)
    answers = {
        (await ask(records, "GET", path, patient_token(record))).text
        for path in (f"/fhir/Binary/{uuid4()}", f"/fhir/DocumentReference/{uuid4()}", "/fhir/Binary/x")
    }
    assert len(answers) == 1
    opened = make_token("professional", "899900000101", profession="G15_10", mode="bris_de_glace")
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", opened)).status_code != 503
    assert (await records.client.get("/livez")).status_code == 200
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", "a.b.c")).status_code == 401


async def test_a_pool_for_which_requests_wait_makes_a_process_late(apis: dict[str, Api]) -> None:
    app = apis["notify"].app
    pool = app.state.pool
    held = [await pool.acquire() for _ in range(pool.get_max_size())]

    async def wait_for_one() -> None:
        async with pool.acquire(timeout=30):
            """Its turn has come."""

    waiting = asyncio.create_task(wait_for_one())

    async def is_late() -> bool:
        return bool(app.state.load.standing_delay > 0.2)

    async def is_in_time() -> bool:
        return not await is_late()

    await eventually(is_late)
    for connection in held:
        await pool.release(connection)
    await waiting
    await eventually(is_in_time)
