"""In an overload the less urgent requests are refused early, and the refusal reveals nothing about the request."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio
from starlette.requests import Request

from services.records.documents.api import fhir
from services.records.documents.usecases import read_document
from shared.errors import OverloadedError
from shared.http import constant_time
from shared.http.admission import LIMITS, WINDOW_S, Load, Urgency, idle, urgency_for, urgency_of
from shared.http.tokens import Caller
from tests.infra.http.apis import NAMES, Api, all_apis, routes_of
from tests.infra.http.tokens import bearer, make_token, patient_token, software_token
from tests.infra.platform.databases import Databases
from tests.infra.platform.waiting import eventually

BULK = {
    "records /records/{record_id}/what-if",
    "records /records/{record_id}/export/file",
    "records /quarantine/resendings",
    "consent /matrices",
    "audit /replay",
    "audit /records/{record_id}/accesses/file",
}
DEPOSITS = {
    *("records /fhir", "records /cda", "records /xdm"),
    "records /records/{record_id}/documents/{document_id}",
    "records /records/{record_id}/statements/{document_id}",
    "records /records/{record_id}/summary",
    "records /dossier/{record_id:uuid}/documents/ajouter",
}


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    async with all_apis(databases) as made:
        yield made


class Clock:
    """A clock that does not move unless a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def working_on(count: int, clock: Clock | None = None) -> Load:
    load = Load(clock or Clock())
    load.change(count)
    return load


async def overloaded(count: int, clock: Clock | None = None) -> Load:
    """Returns a load of `count` requests in work that has just refused one."""
    load = working_on(max(limit.burst for limit in LIMITS.values()), clock)
    assert await is_refused(load, Urgency.EMERGENCY)
    load.change(count - load.at_work)
    return load


async def is_refused(load: Load, urgency: Urgency) -> bool:
    try:
        async with load.admit(urgency):
            return False
    except OverloadedError:
        return True


async def refused_by(load: Callable[[], Awaitable[Load]]) -> set[Urgency]:
    """Returns the refused urgencies of the live lane, each tried on a new load, because a refusal changes it."""
    return {urgency for urgency in LIMITS if await is_refused(await load(), urgency)}


async def test_the_less_urgent_is_refused_the_earlier_and_nothing_more_urgent_before_it() -> None:
    order = [Urgency.DEPOSIT, Urgency.READ, Urgency.CHANGE, Urgency.EMERGENCY]

    async def in_burst(at: int) -> Load:
        return working_on(at)

    for number, urgency in enumerate(order, 1):
        limits = LIMITS[urgency]
        assert await refused_by(partial(in_burst, limits.burst)) == set(order[:number])
        refused = await refused_by(partial(overloaded, limits.overload))
        assert refused >= set(order[:number])
        assert refused == set(order[: len(refused)])
    assert await refused_by(partial(overloaded, 0)) == set()


async def test_a_burst_is_admitted_and_what_is_more_begins_an_overload_with_closer_limits() -> None:
    load, limits = Load(Clock()), LIMITS[Urgency.READ]
    async with AsyncExitStack() as admitted:
        for _ in range(limits.burst):
            await admitted.enter_async_context(load.admit(Urgency.READ))
        assert await is_refused(load, Urgency.READ)
    assert load.at_work == 0
    async with AsyncExitStack() as admitted:
        for _ in range(limits.overload):
            await admitted.enter_async_context(load.admit(Urgency.READ))
        assert await is_refused(load, Urgency.READ)
        assert not await is_refused(load, Urgency.CHANGE)


async def ask_many(load: Load, clock: Clock, *, admitted: int, refused: int) -> None:
    """Makes these requests within one window, and then ends the window."""
    at_work, limit = load.at_work, LIMITS[Urgency.READ].overload
    for count, is_expected in ((admitted, False), (refused, True)):
        load.change(limit * is_expected - load.at_work)
        assert {await is_refused(load, Urgency.READ) for _ in range(count)} <= {is_expected}
    load.change(at_work - load.at_work)
    clock.now += WINDOW_S


async def test_an_overload_lasts_while_many_have_to_be_refused_and_no_longer() -> None:
    clock, limits = Clock(), LIMITS[Urgency.READ]
    load = await overloaded(limits.overload, clock)
    for _ in range(5):
        await ask_many(load, clock, admitted=6, refused=4)
        assert await is_refused(load, Urgency.READ)
    clock.now += WINDOW_S
    await ask_many(load, clock, admitted=7, refused=3)
    assert not await is_refused(load, Urgency.READ), "a load that can be worked off is not kept down"


async def test_an_overload_is_forgotten_where_nobody_has_asked_since() -> None:
    clock, limits = Clock(), LIMITS[Urgency.READ]
    load = await overloaded(limits.overload, clock)
    clock.now += 2 * WINDOW_S
    assert not await is_refused(load, Urgency.READ)


async def test_whoever_only_waits_has_no_place_and_one_again_when_it_goes_on() -> None:
    load = Load(Clock())
    async with load.admit(Urgency.READ):
        with idle():
            assert load.at_work == 0
        assert load.at_work == 1
    assert load.at_work == 0
    with idle():
        assert load.at_work == 0


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
        named = {f"{name} {route.path}" for route in routes_of(apis[name].app) if urgency_of(route) is urgency}
        assert named == {place for place in places if place.startswith(f"{name} ")}
    for route in routes_of(apis[name].app):
        if "_search" in route.path:
            assert urgency_of(route) is Urgency.READ, route.path


async def ask(api: Api, method: str, path: str, token: str) -> httpx2.Response:
    headers = {**bearer(token), "content-type": "application/fhir+json"}
    return await api.client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)


@pytest.fixture
def records(apis: dict[str, Api]) -> Iterator[Api]:
    """Yields the API of records, and gives it a new load afterwards."""
    api = apis["records"]
    yield api
    api.app.state.load = Load()


async def test_an_overloaded_process_says_when_to_come_again_and_nothing_else(records: Api) -> None:
    record = uuid4()
    records.app.state.load = await overloaded(LIMITS[Urgency.DEPOSIT].overload)
    deposit = await ask(records, "POST", "/fhir", software_token("software-1", "1990000105"))
    assert (deposit.status_code, deposit.headers["retry-after"]) == (503, "5")
    assert "unavailable" in deposit.text
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", patient_token(record))).status_code == 404

    records.app.state.load = await overloaded(LIMITS[Urgency.READ].overload)
    answers = {
        (await ask(records, "GET", path, patient_token(record))).text
        for path in (f"/fhir/Binary/{uuid4()}", f"/fhir/DocumentReference/{uuid4()}", "/fhir/Binary/x")
    }
    assert len(answers) == 1
    opened = make_token("professional", "899900000101", profession="G15_10", mode="bris_de_glace")
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", opened)).status_code != 503
    assert (await records.client.get("/livez")).status_code == 200
    assert (await ask(records, "GET", f"/fhir/Binary/{uuid4()}", "a.b.c")).status_code == 401


async def test_a_request_that_works_has_a_place_and_one_that_waits_for_its_fixed_delay_has_none(
    records: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = records.app.state.load = Load()
    seen: list[tuple[str, int]] = []
    verdict = read_document.read_document

    async def working(*arguments: Any, **named: Any) -> Any:
        seen.append(("working", load.at_work))
        return await verdict(*arguments, **named)

    async def waiting(_: float) -> None:
        seen.append(("waiting", load.at_work))

    monkeypatch.setattr(fhir, "read_document", working)
    monkeypatch.setattr(constant_time, "wait_until", waiting)
    answer = await ask(records, "GET", f"/fhir/Binary/{uuid4()}", patient_token(uuid4()))
    assert answer.status_code == 404
    assert seen == [("working", 1), ("waiting", 0)]
    assert load.at_work == 0


async def test_a_fixed_delay_before_a_good_answer_takes_no_place_either(monkeypatch: pytest.MonkeyPatch) -> None:
    load, seen = Load(), []

    async def waiting(_: float) -> None:
        seen.append(load.at_work)

    monkeypatch.setattr(constant_time, "wait_until", waiting)
    async with load.admit(Urgency.READ):
        await constant_time.delay_response(Request({"type": "http"}))
        seen.append(load.at_work)
    assert seen == [0, 1]


async def test_a_body_that_is_long_in_coming_has_no_place_meanwhile(records: Api) -> None:
    load = records.app.state.load = Load()
    at_work = []

    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        at_work.append(load.at_work)

        async def has_left() -> bool:
            return load.at_work == 0

        await eventually(has_left)
        yield b"}"

    headers = {**bearer(software_token("software-1", "1990000105")), "content-type": "application/fhir+json"}
    answer = await records.client.post("/fhir", content=body(), headers=headers)
    assert (answer.status_code, at_work, load.at_work) == (400, [1], 0)


async def test_a_database_that_is_silent_holds_places_and_newcomers_are_told_at_once(apis: dict[str, Api]) -> None:
    app, client = apis["notify"].app, apis["notify"].client
    load = app.state.load = Load()
    held = [await app.state.pool.acquire() for _ in range(app.state.pool.get_max_size())]
    record = uuid4()

    async def look() -> httpx2.Response:
        return await client.get(f"/records/{record}/preferences", headers=bearer(patient_token(record)))

    waiting = [asyncio.create_task(look()) for _ in range(LIMITS[Urgency.READ].burst)]

    async def all_wait() -> bool:
        return load.at_work == len(waiting)

    await eventually(all_wait)
    refused = await look()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    for connection in held:
        await app.state.pool.release(connection)
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert load.at_work == 0
