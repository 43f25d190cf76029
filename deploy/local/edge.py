"""The TLS entrance: takes client certificates, strips what only it may say, and passes requests on over the loopback.

`python -m deploy.local.edge PORT UPSTREAM FOLDER`: FOLDER is a test PKI (`deploy.local.pki`); the key shared with
identity comes in EDGE_KEYS. A certificate that TLS does not trust ends the connection; identity looks at the rest. One
request a connection: nothing of one client can be taken for another's.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import h11
import httpx

from deploy.local.ports import HOST
from services.identity.domain.edge import sign_certificate
from shared import clock
from shared.crypto import Keyring

LARGEST_BODY = 64 * 1024
PATIENCE_S = 10.0
_STRIPPED = ("forwarded", "x-forwarded-", "x-real-ip", "via", "client-cert", "x-client-cert", "ssl-client", "x-ssl-")
_HOP = ("connection", "keep-alive", "proxy-", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host")


class _TooLargeError(Exception):
    """More than the entrance takes."""


@dataclass(frozen=True)
class Edge:
    """Where requests go, and the key that vouches for certificates."""

    upstream: str
    keys: Keyring

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, ssl.SSLError):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    writer.write(await self._answer(reader, _certificate(writer)))
                    await writer.drain()
            except (TimeoutError, h11.RemoteProtocolError, _TooLargeError):
                writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            finally:
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, certificate: bytes | None) -> bytes:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=16 * 1024)
        request, body = await _read(connection, reader)
        method, target = request.method.decode(), request.target.decode("latin-1")
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers if _is_passed(name)}
        if certificate is not None:
            headers |= sign_certificate(self.keys, certificate, method, target, clock.now())
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, follow_redirects=False) as client:
                answer = await client.request(method, self.upstream + target, headers=headers, content=body)
        except httpx.HTTPError:
            return b"HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        kept = [(name, value) for name, value in answer.headers.raw if not name.lower().decode().startswith(_HOP)]
        kept += [(b"content-length", str(len(answer.content)).encode()), (b"connection", b"close")]
        sent = connection.send(h11.Response(status_code=answer.status_code, headers=kept)) or b""
        return sent + (connection.send(h11.Data(data=answer.content)) or b"") if answer.content else sent


async def start(edge: Edge, port: int, folder: Path) -> asyncio.Server:
    """Listens on the loopback with the certificate of the PKI in the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "edge.pem")
    for name in ("roots", "persons", "organisations"):
        context.load_verify_locations(folder / f"{name}.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return await asyncio.start_server(edge.serve, HOST, port, ssl=context)


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(16 * 1024))
            case h11.Request():
                request = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage() if request is not None:
                return request, body
            case _:
                raise _TooLargeError
        if len(body) > LARGEST_BODY:
            raise _TooLargeError


def _is_passed(name: bytes) -> bool:
    text = name.decode().lower().replace("_", "-")
    return not text.startswith((*_STRIPPED, *_HOP))


def _certificate(writer: asyncio.StreamWriter) -> bytes | None:
    found: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return None if found is None else found.getpeercert(binary_form=True)


async def _main(port: int, upstream: str, folder: Path) -> None:
    server = await start(Edge(upstream, Keyring.parse(os.environ["EDGE_KEYS"])), port, folder)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
