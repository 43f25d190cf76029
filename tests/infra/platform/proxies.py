"""A proxy between a client and a server that can fall silent: bytes are neither forwarded nor refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from tests.infra.platform.databases import Database


class Line:
    """Forwards both ways while it is not silent, new connections too."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._tasks: set[asyncio.Task[None]] = set()

    def fall_silent(self) -> None:
        """Stops forwarding."""
        self._speaks.clear()

    def speak(self) -> None:
        """Forwards again, beginning with the bytes that were held back."""
        self._speaks.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handles one connection of a client."""
        server_reader, server_writer = await asyncio.open_connection(*self._server)
        for pair in ((reader, server_writer), (server_reader, writer)):
            task = asyncio.create_task(self._pump(*pair))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._speaks.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    async def end(self) -> None:
        """Closes all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def line_to(database: Database) -> AsyncIterator[tuple[Line, Database]]:
    """Yields a proxy to the database's server, and the database as reached through it."""
    place = urlsplit(database.dsn)
    line = Line(place.hostname or "", place.port or 0)
    server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    netloc = f"{place.username}:{place.password}@127.0.0.1:{port}"
    try:
        yield line, replace(database, dsn=urlunsplit(place._replace(netloc=netloc)))
    finally:
        await line.end()
        server.close()
