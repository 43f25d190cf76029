"""What one caller may occupy behind the edge: its share of the buffers, connections, and the time of an answer."""

import asyncio
import ssl
from pathlib import Path

import pytest
from fastapi import FastAPI

from services.identity.app import make_api
from shared.http.bodies import Buffers
from tests.deploy.edge.test_limits import HEAD, before
from tests.infra.edge.running_edge import RunningEdge, running_edge
from tests.infra.identity.identity_api import settings_of
from tests.infra.platform.databases import Database
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
LIVE = b"GET /livez HTTP/1.1\r\nhost: identity.dmp.example\r\n\r\n"
ENDED = (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)


@pytest.fixture
def app(database: Database) -> FastAPI:
    return make_api(settings_of(database, accounts={"refusal_s": 0}))


async def send(edge: RunningEdge, address: str, size: int) -> bytes:
    """Sends a body of this size from an address and returns the head of the answer."""
    reader, writer = await edge.connect("identity", address)
    writer.write(HEAD + b"content-length: %d\r\n\r\n" % size + b"a" * size)
    try:
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    finally:
        writer.close()


async def test_a_client_behind_the_edge_fills_its_own_share_of_the_buffers_and_no_other(
    app: FastAPI, tmp_path: Path
) -> None:
    app.state.buffers = buffers = Buffers(per_client=1000, in_all=1500)
    async with before(app, tmp_path) as (edge, _):
        _, writer = await edge.connect("identity", "127.0.0.2")
        writer.write(HEAD + b"content-length: 900\r\n\r\n" + b"a" * 800)

        async def holds() -> bool:
            return buffers.held() == 800

        await eventually(holds)
        refused, other = await send(edge, "127.0.0.2", 300), await send(edge, "127.0.0.3", 300)
        writer.close()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 5\r\n" in refused
    assert other.startswith(b"HTTP/1.1 422 ")


async def test_connections_beyond_the_limit_are_ended_and_one_that_ends_makes_room(
    app: FastAPI, tmp_path: Path
) -> None:
    async def answers(edge: RunningEdge) -> asyncio.StreamWriter | None:
        try:
            reader, writer = await edge.connect("identity")
            writer.write(LIVE)
            return writer if b" 200 " in await asyncio.wait_for(reader.readline(), 60) else None
        except ENDED:
            return None

    async with before(app, tmp_path, connections=2) as (edge, _):
        opened = [await answers(edge), await answers(edge)]
        assert None not in opened
        assert await answers(edge) is None
        for writer in filter(None, opened):
            writer.close()
        (await eventually(lambda: answers(edge))).close()


async def test_connections_of_hl7_v2_beyond_the_limit_are_ended(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def exchange(edge: RunningEdge) -> tuple[bytes, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.mllp_port)
        writer.write(b"x\n")
        try:
            return await asyncio.wait_for(reader.readline(), 60), writer
        except ConnectionError:
            return b"", writer

    records = await asyncio.start_server(echo, "127.0.0.1", 0)
    address = f"127.0.0.1:{records.sockets[0].getsockname()[1]}"
    async with records, running_edge(tmp_path, {}, mllp=address, limits={"mllp_connections": 1}) as edge:
        (first, one), (second, another) = await exchange(edge), await exchange(edge)
        one.close()
        another.close()
    assert (first, second) == (b"x\n", b"")


async def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    services = {"records": f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"}
    limits = {"answer_s": 0.5}
    async with silent, running_edge(tmp_path, services, limits=limits) as edge, edge.client("records") as client:
        answer = await client.get("/livez")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (504, "edge-refused", "1")


async def test_an_old_connection_ends_with_an_answer_that_says_so(app: FastAPI, tmp_path: Path) -> None:
    async with before(app, tmp_path, connection_s=0.5) as (edge, _), edge.client("identity") as client:

        async def ends() -> bool:
            return (await client.get("/livez")).headers.get("connection") == "close"

        assert await eventually(ends)
