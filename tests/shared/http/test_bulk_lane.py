"""Bulk work takes its turn in a lane of its own: few at a time, a short queue, nothing taken from others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from shared.errors import TRY_LATER
from shared.http import bulk_lane
from shared.http.admission import LIMITS, QUIET, Load, Urgency, is_bulk, urgency_for
from shared.http.bulk_lane import AT_WORK, WAITING, BulkLaneFullError
from shared.http.tokens import Caller
from tests.infra.http.apis import Api, all_apis
from tests.infra.http.tokens import bearer, make_token, software_token
from tests.infra.platform.databases import Databases
from tests.infra.platform.waiting import eventually

INTERACTIVE = Caller("software", "software-1", "software-1", frozenset())
BULK = Caller("software", "software-2", "software-2", frozenset(), is_bulk=True)


@asynccontextmanager
async def working(load: Load, count: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Keeps this number of bulk requests at work or in the queue during the block."""
    end = asyncio.Event()

    async def work() -> None:
        async with load.admit(Urgency.BULK):
            await end.wait()

    tasks = [asyncio.create_task(work()) for _ in range(count)]
    await until(lambda: count_in(load) == count)
    try:
        yield tasks
    finally:
        end.set()
        await asyncio.gather(*tasks)


async def until(holds: Callable[[], bool]) -> None:
    async def look() -> bool:
        return holds()

    await eventually(look)


def count_in(load: Load) -> int:
    return load.bulk.at_work + load.bulk.waiting


async def test_few_are_at_work_and_the_others_follow_in_order() -> None:
    load, order = Load(), []

    async def work(number: int) -> None:
        async with load.admit(Urgency.BULK):
            order.append(number)
            assert load.bulk.at_work <= AT_WORK

    await asyncio.gather(*(work(number) for number in range(WAITING)))
    assert order == list(range(WAITING))
    assert count_in(load) == 0


async def test_what_finds_the_queue_full_is_refused_at_once_and_counted() -> None:
    load = Load()
    before = REGISTRY.get_sample_value("requests_not_admitted_total", {"urgency": "bulk"}) or 0
    async with working(load, AT_WORK + WAITING):
        assert REGISTRY.get_sample_value("requests_at_work", {"lane": "bulk"}) == AT_WORK
        assert REGISTRY.get_sample_value("bulk_requests_waiting") == WAITING
        with pytest.raises(BulkLaneFullError) as refused:
            async with load.admit(Urgency.BULK):
                pass
    assert (refused.value.status, refused.value.retry_after) == (429, 20)
    assert isinstance(refused.value, TRY_LATER)
    assert REGISTRY.get_sample_value("requests_not_admitted_total", {"urgency": "bulk"}) == before + 1
    assert REGISTRY.get_sample_value("bulk_requests_waiting") == 0


async def test_a_turn_that_does_not_come_is_given_up_and_leaves_the_lane_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_lane, "LONGEST_WAIT_S", 0.05)
    load = Load()
    load.change(QUIET)
    for _ in range(AT_WORK + 1):
        with pytest.raises(BulkLaneFullError):
            async with load.admit(Urgency.BULK):
                pass
    load.change(-QUIET)
    async with load.admit(Urgency.BULK):
        assert count_in(load) == 1


async def test_a_caller_who_hangs_up_leaves_the_lane_free() -> None:
    load = Load()
    load.change(QUIET)
    tasks = [asyncio.create_task(take_turn(load)) for _ in range(AT_WORK + 1)]
    await until(lambda: load.bulk.waiting == len(tasks))
    for task in tasks:
        task.cancel()
    assert {type(end) for end in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}
    load.change(-QUIET)
    async with asyncio.timeout(5), AsyncExitStack() as admitted:
        for _ in range(AT_WORK):
            await admitted.enter_async_context(load.admit(Urgency.BULK))
        assert (load.bulk.at_work, load.bulk.waiting) == (AT_WORK, 0)


async def take_turn(load: Load) -> None:
    async with load.admit(Urgency.BULK):
        pass


async def test_bulk_work_waits_while_others_keep_the_process_busy_and_while_an_overload_lasts() -> None:
    load = Load(lambda: 0.0)
    load.change(QUIET)
    async with working(load, 1):
        assert load.bulk.at_work == 0
        load.change(-1)
        await until(lambda: load.bulk.at_work == 1)
        load.change(1 - QUIET)
    load.change(max(limit.burst for limit in LIMITS.values()))
    with pytest.raises(TRY_LATER):
        async with load.admit(Urgency.EMERGENCY):
            pass
    load.change(-load.at_work)
    assert not load.is_quiet()


async def test_bulk_work_takes_no_place_of_the_others_and_begins_no_overload() -> None:
    load = Load()
    async with working(load, AT_WORK + WAITING):
        with pytest.raises(BulkLaneFullError):
            async with load.admit(Urgency.BULK):
                pass
        assert (load.at_work, load.is_quiet()) == (0, True)
        async with AsyncExitStack() as admitted:
            for _ in range(LIMITS[Urgency.DEPOSIT].burst):
                await admitted.enter_async_context(load.admit(Urgency.DEPOSIT))
                assert not is_bulk()


async def test_a_request_knows_that_it_is_bulk_work() -> None:
    load = Load()
    async with load.admit(Urgency.BULK):
        assert is_bulk()
    assert not is_bulk()


def test_reads_and_deposits_of_bulk_software_may_wait_and_changes_never() -> None:
    for urgency in (Urgency.READ, Urgency.DEPOSIT):
        assert urgency_for(BULK, urgency) is Urgency.BULK
        assert urgency_for(INTERACTIVE, urgency) is urgency
    for urgency in (Urgency.CHANGE, Urgency.EMERGENCY):
        assert urgency_for(BULK, urgency, "u=7") is urgency


@pytest.mark.parametrize(
    ("priority", "may_wait"),
    [
        ("u=7", True),
        ("u=7, i", True),
        ("i,u=7", True),
        ("u=7;x=1", True),
        ("", False),
        ("u=6", False),
        ("u=71", False),
        ("xu=7", False),
        ("u=٧", False),
    ],
)
def test_anybody_may_ask_for_the_bulk_lane_by_the_priority_of_background_tasks(
    priority: str, *, may_wait: bool
) -> None:
    expected = Urgency.BULK if may_wait else Urgency.DEPOSIT
    assert urgency_for(INTERACTIVE, Urgency.DEPOSIT, priority) is expected


@pytest_asyncio.fixture(scope="module")
async def records(databases: Databases) -> AsyncIterator[Api]:
    async with all_apis(databases) as made:
        yield made["records"]


@pytest.mark.parametrize("asked", ["token", "header"])
async def test_in_a_full_lane_bulk_software_is_answered_429_and_others_as_ever(records: Api, asked: str) -> None:
    load = records.app.state.load = Load()
    path = f"/fhir/DocumentReference/{uuid4()}"
    token = software_token("software-1", "1990000105")
    bulk = make_token("software", "software-2", organisation_id="1990000105", client_class="bulk")
    headers = bearer(bulk) if asked == "token" else {**bearer(token), "priority": "u=7"}
    async with working(load, AT_WORK + WAITING):
        answer = await records.client.get(path, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "20")
        assert "bulk-lane-full" in answer.text
        assert (await records.client.get(path, headers=bearer(token))).status_code not in (429, 503)
    assert (await records.client.get(path, headers=headers)).status_code not in (429, 503)
