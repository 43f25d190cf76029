"""A refusal is answered after a fixed delay that depends only on when the request was complete."""

import asyncio
import time

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from shared.http import constant_time
from shared.http.constant_time import FINE_S, RESPONSE_DELAY_S, delay_response, next_response_time, wait_until
from shared.http.error_boundary import ErrorBoundary
from shared.http.problems import problem


@pytest.mark.parametrize(
    ("took", "beats"),
    [(0.0, 1), (0.001, 1), (0.0999, 1), (0.1001, 2), (0.1999, 2), (0.2001, 3), (1.2345, 13)],
)
def test_the_next_beat_is_the_first_that_is_not_over(took: float, beats: int) -> None:
    assert next_response_time(100.0, 100.0 + took) == pytest.approx(100.0 + beats * RESPONSE_DELAY_S)


async def test_it_is_waited_until_a_moment_and_others_go_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(constant_time, "now", lambda: clock[0])
    waiting = asyncio.ensure_future(wait_until(FINE_S / 2))
    for _ in range(10):  # turns of the event loop
        await asyncio.wait([waiting], timeout=0)
    assert not waiting.done()
    clock[0] = FINE_S / 2
    await waiting


async def test_a_wait_never_ends_before_its_moment() -> None:
    moment = time.perf_counter() + 5 * FINE_S
    await wait_until(moment)
    assert time.perf_counter() >= moment


async def answered_on(parts: list[float], monkeypatch: pytest.MonkeyPatch) -> float:
    """Returns the time for which an app waits that reads body parts at these times and is done at time 7."""
    clock, waited, coming = [0.0], [], iter(parts)
    monkeypatch.setattr(constant_time, "now", lambda: clock[0])

    async def note(moment: float) -> None:
        waited.append(moment)

    monkeypatch.setattr(constant_time, "wait_until", note)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        clock[0] += 0.007
        await delay_response(request)
        await Response()(scope, receive, send)

    async def receive() -> Message:
        clock[0] = next(coming)
        return {"type": "http.request", "body": b"x", "more_body": clock[0] != parts[-1]}

    async def send(_: Message) -> None:
        """Ignores the answer."""

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    await ErrorBoundary(app, render=problem, body_limit=100)(scope, receive, send)
    [moment] = waited
    return moment


async def test_who_sends_a_body_slowly_moves_the_beat_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await answered_on([0.0], monkeypatch) == pytest.approx(RESPONSE_DELAY_S)
    assert await answered_on([0.01, 0.045], monkeypatch) == pytest.approx(0.045 + RESPONSE_DELAY_S)
