"""The limits of time, size and number hold through the edge, and what a service refuses comes through unchanged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from services.identity.app import make_api
from shared.http import bodies
from shared.http.door import load_of
from shared.runtime.settings import HttpSettings
from shared.service.serving import http_config
from tests.infra.edge.running_edge import RunningEdge, running_edge
from tests.infra.http.servers import listening
from tests.infra.identity.identity_api import settings_of
from tests.infra.platform.databases import Database

pytestmark = pytest.mark.long
FREE_TRIES = 6
HEAD = b"POST /sign-in HTTP/1.1\r\nhost: identity.dmp.example\r\ncontent-type: application/json\r\n"


@pytest.fixture
def app(database: Database) -> FastAPI:
    return make_api(settings_of(database, accounts={"refusal_s": 0}))


@asynccontextmanager
async def before(app: FastAPI, folder: Path, **limits: float) -> AsyncIterator[tuple[RunningEdge, str]]:
    """Yields an edge with these limits before identity's API, and the address of the API itself."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(http_config(app, HttpSettings(trusted_proxies="127.0.0.1"))))
        edge = await stack.enter_async_context(running_edge(folder, {"identity": f"127.0.0.1:{port}"}, limits=limits))
        yield edge, f"http://127.0.0.1:{port}"


@pytest.fixture
async def edge(app: FastAPI, tmp_path: Path) -> AsyncIterator[RunningEdge]:
    async with before(app, tmp_path) as (running, _):
        yield running


async def ask(edge: RunningEdge, *parts: bytes) -> int:
    """Sends bytes over TLS and returns the status of the answer."""
    reader, writer = await edge.connect("identity")
    for part in parts:
        writer.write(part)
        await writer.drain()
    line = await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    return int(line.split()[1])


async def guess(client: httpx2.AsyncClient) -> int:
    body = {"identifier": "nobody@patient.example", "password": "not this one, surely not"}
    return (await client.post("/sign-in", json=body)).status_code


TOO_MUCH = {
    "a large head": (HEAD + b"x: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    "many fields": (HEAD + b"x: y\r\n" * 101 + b"\r\n", 431),
    "a large body, announced": (HEAD + b"content-length: 30000000\r\n\r\n", 413),
    "a body too large for its route, announced": (HEAD + b"content-length: 70000\r\n\r\n", 413),
    "a body too large for its route, in chunks": (
        HEAD
        + b"transfer-encoding: chunked\r\n\r\n"
        + b"8000\r\n"
        + b"a" * 0x8000
        + b"\r\n8001\r\n"
        + b"a" * 0x8001
        + b"\r\n0\r\n\r\n",
        413,
    ),
    "a length and chunks": (HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a header with an underscore": (HEAD + b"client_cert: x\r\ncontent-length: 0\r\n\r\n", 400),
    "an escaped slash": (b"GET /a%2Fb HTTP/1.1\r\nhost: identity.dmp.example\r\n\r\n", 400),
    "another host": (b"GET /livez HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n", 421),
    "the demonstration": (b"GET /demo/sign-in HTTP/1.1\r\nhost: identity.dmp.example\r\n\r\n", 404),
    "the demonstration by a detour": (b"GET /a/../demo/sign-in HTTP/1.1\r\nhost: identity.dmp.example\r\n\r\n", 404),
}


async def test_what_is_too_large_or_ambiguous_is_refused(edge: RunningEdge) -> None:
    statuses = {name: await ask(edge, sent) for name, (sent, _) in TOO_MUCH.items()}
    assert statuses == {name: status for name, (_, status) in TOO_MUCH.items()}


async def test_a_head_that_does_not_end_is_given_up(app: FastAPI, tmp_path: Path) -> None:
    async with before(app, tmp_path, head_s=0.5) as (edge, _):
        assert await ask(edge, HEAD) == 408


async def test_a_body_that_comes_too_slowly_is_given_up_by_the_service(
    edge: RunningEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "GRACE_S", 0.2)
    assert await ask(edge, HEAD + b"content-length: 1000\r\n\r\n", b"{") == 408


async def test_a_request_that_falls_silent_is_given_up_by_the_edge(app: FastAPI, tmp_path: Path) -> None:
    async with before(app, tmp_path, silence_s=0.5) as (edge, _):
        assert await ask(edge, HEAD + b"content-length: 1000\r\n\r\n", b"{") == 408


async def test_one_address_is_refused_beyond_its_rate_and_another_is_not(app: FastAPI, tmp_path: Path) -> None:
    async with before(app, tmp_path, requests_per_s=1, burst=5) as (edge, _):
        async with edge.client("identity", address="127.0.0.2") as client:
            answers = await asyncio.gather(*(client.get("/livez") for _ in range(30)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 20
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].headers["content-type"] == "application/problem+json"
        assert refused[0].json()["status"] == 429
        async with edge.client("identity", address="127.0.0.3") as client:
            assert (await client.get("/livez")).status_code == 200


async def test_a_service_that_refuses_in_an_overload_is_heard_unchanged(app: FastAPI, tmp_path: Path) -> None:
    async with before(app, tmp_path) as (edge, direct):
        load_of(app).change(+1000)
        async with edge.client("identity") as client, httpx2.AsyncClient(base_url=direct) as beside:
            through, own = await client.get("/terms"), await beside.get("/terms")
    assert through.status_code == own.status_code == 503
    assert through.content == own.content
    assert through.headers["retry-after"] == own.headers["retry-after"]


async def test_two_clients_behind_the_edge_are_slowed_apart(edge: RunningEdge) -> None:
    async with edge.client("identity", address="127.0.0.2") as first:
        first.headers["x-forwarded-for"] = "127.0.0.3"
        assert [await guess(first) for _ in range(FREE_TRIES + 1)] == [403] * FREE_TRIES + [429]
    async with edge.client("identity", address="127.0.0.3") as other:
        assert await guess(other) == 403


async def test_what_a_service_reads_of_its_caller_is_the_edges_word(tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).lower())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    upstream = await asyncio.start_server(note, "127.0.0.1", 0)
    async with upstream:
        services = {"records": f"127.0.0.1:{upstream.sockets[0].getsockname()[1]}"}
        # For 127.0.0.1 itself Envoy names the machine's own address.
        async with running_edge(tmp_path, services) as edge, edge.client("records", address="127.0.0.2") as client:
            forged = dict.fromkeys(("x-forwarded-for", "forwarded", "x-real-ip", "via", "client-cert"), "192.0.2.9")
            await client.get(
                "/livez", headers={**forged, "x-forwarded-client-cert": "x", "x-forwarded-host": "192.0.2.9"}
            )
    assert b"\r\nx-forwarded-for: 127.0.0.2\r\n" in heads[0]
    assert b"\r\nx-forwarded-proto: https\r\n" in heads[0]
    assert b"192.0.2.9" not in heads[0]
    assert b"cert" not in heads[0]


async def test_a_service_that_is_away_is_a_problem_that_says_when_to_try_again(edge: RunningEdge) -> None:
    async with edge.client("notify") as client:
        answer = await client.get("/livez")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "edge-refused", "1")


async def test_a_copy_of_a_record_may_take_longer_than_any_other_answer(tmp_path: Path) -> None:
    """A piece in time, the last one after the time for answers is over."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\ncopy")
            await writer.drain()
            await released.wait()
            writer.write(b"copy" if b"/file" in head else b"")
            await writer.drain()

    released = asyncio.Event()
    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with upstream:
        services = {"records": f"127.0.0.1:{upstream.sockets[0].getsockname()[1]}"}
        limits = {"answer_s": 0.5}
        async with running_edge(tmp_path, services, limits=limits) as edge, edge.client("records") as client:
            copy = asyncio.create_task(client.get("/records/0199/export/file"))
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get("/records/0199/export")
            released.set()
            assert (await copy).content == b"copycopy"
