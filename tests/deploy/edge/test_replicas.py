"""Replicas come and go behind the name of an API: who has left it gets no new request, and answers those at work."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.infra.edge.names import naming
from tests.infra.edge.running_edge import running_edge
from tests.infra.platform.certificates import Authority
from tests.infra.platform.waiting import eventually

pytestmark = pytest.mark.long
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
NAME = "records-api"


@dataclass
class Replica:
    """A server that answers with its own address, `/late` only once `may_answer` is set."""

    address: str
    port: int = 0
    connections: int = 0
    is_late: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection until the other side closes it."""
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /late "):
                    self.is_late.set()
                    await self.may_answer.wait()
                body = self.address.encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.connections -= 1
            writer.close()


@asynccontextmanager
async def replica(address: str, context: ssl.SSLContext, port: int = 0) -> AsyncIterator[Replica]:
    """Yields a replica that listens on this address."""
    made = Replica(address)
    server = await asyncio.start_server(made.serve, address, port, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def test_a_replica_that_has_left_the_name_gets_no_new_request_and_finishes_those_at_work(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "service-authority")
    files = authority.issue(NAME, [NAME])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.both)
    async with (
        replica(FIRST, context) as first,
        replica(SECOND, context, first.port) as second,
        naming(FIRST) as names,
        running_edge(
            tmp_path,
            {"records": f"{NAME}:{first.port}"},
            service_authorities=authority.file,
            names=names.resolver(),
        ) as edge,
        edge.client("records") as client,
    ):

        async def answering() -> str:
            return (await client.get("/now")).text

        late = asyncio.create_task(client.get("/late"))
        await first.is_late.wait()
        assert await answering() == FIRST
        assert first.connections == 2
        names.addresses = [SECOND]

        async def second_answers() -> bool:
            return await answering() == SECOND

        async def first_has_the_late_request_alone() -> bool:
            return first.connections == 1

        await eventually(second_answers)
        await eventually(first_has_the_late_request_alone)
        assert {await answering() for _ in range(5)} == {SECOND}
        first.may_answer.set()
        answer = await late
        assert (answer.status_code, answer.text) == (200, FIRST)
        assert second.connections == 1
