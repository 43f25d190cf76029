"""Serves an app on a port of the loopback, by the same configuration as every process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from tests.infra.platform.waiting import eventually


@asynccontextmanager
async def listening(config: uvicorn.Config) -> AsyncIterator[int]:
    """Yields the port of a server with this configuration."""
    config.port = 0
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def listens() -> bool:
        return server.started

    await eventually(listens)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving
