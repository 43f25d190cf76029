"""Health probes of processes on the loopback."""

import asyncio
import contextlib
import ssl

from deploy.local.platform.ports import HOST

_TIMEOUT = 5.0


async def listens(port: int) -> bool:
    """Returns whether a process accepts connections on the port."""
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, writer = await asyncio.open_connection(HOST, port)
    except OSError:  # TimeoutError is one too
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def answers(port: int, path: str, trusted: ssl.SSLContext | None = None) -> bool:
    """Returns whether an HTTP GET of the path is answered with 200 or 204. `trusted`: for HTTPS."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection(HOST, port, ssl=trusted)
            try:
                writer.write(request)
                status = (await reader.readline()).split(b" ")
            finally:
                writer.close()
    except OSError:
        return False
    return len(status) > 1 and status[1] in (b"200", b"204")
