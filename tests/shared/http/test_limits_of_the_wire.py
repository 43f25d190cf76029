"""Limits on the size and duration of requests, on a server configured like that of every API and worker."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request

from shared.http import bodies, protocol
from shared.http.app import make_app
from shared.http.bodies import Buffers, BuffersFullError
from shared.http.described import ApiTexts
from shared.http.door import Door
from shared.http.protocol import LimitedProtocol
from shared.runtime.settings import HttpSettings
from shared.service.serving import http_config
from tests.infra.http.servers import listening
from tests.infra.platform.waiting import eventually


def build() -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = make_app(ApiTexts("test", "test", "http://127.0.0.1"), lifespan=lifespan, body_limit=1000_000)
    router = APIRouter(route_class=Door)

    @router.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @router.get("/names")
    async def names(request: Request) -> list[str]:
        return sorted(request.headers)

    app.include_router(router)
    return app


@pytest.fixture
def app() -> FastAPI:
    return build()


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=LimitedProtocol, ws="none", log_level="critical")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await eventually(listens)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def ask(port: int, *parts: bytes) -> bytes:
    """Returns the answer up to the end of the connection; the server may not read all of a long request."""
    loop = asyncio.get_running_loop()
    answer = b""
    with socket.socket() as peer, contextlib.suppress(ConnectionError):
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        with contextlib.suppress(ConnectionError):
            for part in parts:
                await loop.sock_sendall(peer, part)
        while more := await loop.sock_recv(peer, 65536):
            answer += more
    return answer


POST = b"POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
GET = b"GET /names HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
WRONG: dict[str, tuple[Callable[[], list[bytes]], int | None]] = {
    "a field without an end": (lambda: [GET, b"x-a: ", *[b"a" * 8192] * 400], 431),
    "a large field": (lambda: [GET, b"x-a: " + b"a" * 16_384 + b"\r\n\r\n"], 431),
    "many small fields": (lambda: [GET, b"x: 1\r\n" * 99 + b"\r\n"], 431),
    "a long target": (lambda: [b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nhost: x\r\n\r\n"], 414),
    "an endless target": (lambda: [b"GET /", *[b"a" * 8192] * 400], 414),
    "an absolute target": (lambda: [b"GET http://x/names HTTP/1.1\r\nhost: x\r\n\r\n"], 400),
    "an asterisk": (lambda: [b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"], 400),
    "a tunnel": (lambda: [b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n"], 400),
    "no host": (lambda: [b"GET /names HTTP/1.1\r\n\r\n"], 400),
    "an empty host": (lambda: [b"GET /names HTTP/1.1\r\nhost:\r\n\r\n"], 400),
    "two hosts": (lambda: [b"GET /names HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n"], 400),
    "no host in the older version": (lambda: [b"GET /names HTTP/1.0\r\n\r\n"], 400),
    "a length and chunks": (
        lambda: [CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n") + b"0\r\n\r\n"],
        400,
    ),
    "a chunk extension without an end": (lambda: [CHUNKED, b"1;", *[b"a" * 8192] * 400], None),
    "trailers without an end": (lambda: [CHUNKED, b"1\r\na\r\n0\r\n", *[b"x: " + b"a" * 8000 + b"\r\n"] * 400], None),
    "chunks over the limit": (
        lambda: [CHUNKED, b"8000\r\n" + b"a" * 0x8000 + b"\r\n", b"8001\r\n" + b"a" * 0x8001],
        413,
    ),
    "a NUL in a header": (lambda: [GET, b"x-a: a\0b\r\n\r\n"], 400),
}


@pytest.mark.parametrize("what", sorted(WRONG))
async def test_what_no_request_needs_ends_the_connection(port: int, what: str) -> None:
    parts, status = WRONG[what]
    answer = await ask(port, *parts())
    if status is None:  # the answer may have begun
        assert answer == b""
    else:
        assert answer.count(b"HTTP/1.1") == 1
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]


async def test_what_requests_need_is_taken(port: int) -> None:
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 100) for number in range(98))
    assert (await ask(port, GET, fields, b"\r\n")).count(b"x-") == 98
    answer = await ask(port, CHUNKED, *[b"1\r\na\r\n"] * 1000, b"0\r\n\r\n")
    assert answer.endswith(b"\r\n1000")


async def test_a_head_is_answered_without_a_body_and_the_connection_goes_on(port: int) -> None:
    first = GET.replace(b"GET", b"HEAD").replace(b"connection: close\r\n", b"") + b"\r\n"
    answer = await ask(port, first + GET + b"\r\n")
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"content-length: 8" in head, head  # ["host"]
    assert rest.startswith(b"HTTP/1.1 200 OK")


async def test_what_comes_behind_a_body_becomes_no_header(port: int) -> None:
    request = CHUNKED.replace(b"POST /size", b"GET /names")
    assert b"x-behind" not in await ask(port, request, b"1\r\na\r\n0\r\nx-behind: 1\r\n\r\n")


@pytest.mark.parametrize("start", [b"", b"G", b"GET /names HTTP/1.1\r\nhost: x\r\nx-a"])
async def test_a_head_that_does_not_end_in_time_ends_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(protocol, "LONGEST_HEAD_S", 0.1)
    assert (await ask(port, start)).startswith(b"HTTP/1.1 408 ")


async def test_a_second_head_has_no_more_time_than_the_first(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST_HEAD_S", 0.1)
    answer = await ask(port, b"GET /names HTTP/1.1\r\nhost: x\r\n\r\nGET /na")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


async def test_a_body_that_comes_too_slowly_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE_S", 0.1)
    monkeypatch.setattr(protocol, "LONGEST_REST_S", 0.1)
    answer = await ask(port, b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"upload-too-slow" in answer


async def test_a_body_that_nobody_reads_does_not_keep_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LONGEST_REST_S", 0.1)
    answer = await ask(port, b"POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 404 ")


async def test_a_new_peer_takes_the_place_of_the_one_that_has_waited_longest(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 3)
    half_open = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for _, writer in half_open:
        writer.write(b"GET /names HTTP/1.1\r\nhost: x\r\n")
    assert (await ask(port, GET, b"\r\n")).startswith(b"HTTP/1.1 200 ")
    assert await half_open[0][0].read() == b""
    for _, writer in half_open:
        writer.close()


async def test_where_everybody_is_being_served_a_new_peer_is_told_to_come_again(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    )
    assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")
    assert (await ask(port, GET, b"\r\n")).startswith(b"HTTP/1.1 503 ")
    writer.write(b"ab")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_what_one_request_holds_of_the_buffers_is_nobody_elses_until_its_answer(app: FastAPI, port: int) -> None:
    app.state.buffers = Buffers(per_client=1000, in_all=1500)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST + b"content-length: 900\r\n\r\n" + b"a" * 800)

    async def holds() -> bool:
        return bool(app.state.buffers.held() == 800)

    await eventually(holds)
    other = POST + b"content-length: 300\r\n\r\n" + b"a" * 300
    refused = await ask(port, other)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in refused
    assert b"too-much-at-once" in refused
    writer.write(b"a" * 100)
    assert (await reader.read()).endswith(b"\r\n900")
    writer.close()
    assert app.state.buffers.held() == 0
    assert (await ask(port, other)).endswith(b"\r\n300")


def test_a_client_fills_its_own_share_of_the_buffers_and_no_other() -> None:
    buffers = Buffers(per_client=100, in_all=150)
    with buffers.holding("first") as first, buffers.holding("second") as second:
        first.add(100)
        with pytest.raises(BuffersFullError):
            first.add(1)
        second.add(50)
        with pytest.raises(BuffersFullError):
            second.add(1)
    assert buffers.held() == 0


@pytest.mark.parametrize(("max_age_s", "closes"), [(3600.0, False), (1e-9, True)])
async def test_an_old_connection_ends_with_an_answer_that_says_so(app: FastAPI, max_age_s: float, closes: bool) -> None:
    config = http_config(app, HttpSettings(max_connection_age_s=max_age_s))
    async with listening(config) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answers = [await client.get("/names") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.headers.get("connection") == "close" for answer in answers] == [closes, closes]
