"""A TLS reverse proxy: accepts client certificates, strips the headers that only it may set, and forwards requests.

`python -m deploy.local.platform.edge PORT UPSTREAM FOLDER`: FOLDER is a test PKI (`deploy.local.platform.pki`);
EDGE_KEYS holds the key shared with identity. A certificate that TLS does not trust ends the connection; identity checks
the rest. A connection serves one request, so that two clients' requests cannot be confused.

Only targets in origin form are forwarded (RFC 9112, section 3.2.1): a target that names a host is refused, so that the
upstream alone is reached. Every request carries `Forwarded` (RFC 7239), which marks it as coming from outside.
"""

import asyncio
import contextlib
import ipaddress
import os
import re
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import h11
import httpx2

from deploy.local.platform.ports import HOST
from services.identity.clients.domain.edge import SignedRequest, sign_certificate
from shared.crypto.keyring import Keyring
from shared.runtime import clock

LARGEST_BODY = 64 * 1024
LARGEST_HEAD = 16 * 1024
LARGEST_TARGET = 8 * 1024
MOST_FIELDS = 100
MOST_CONNECTIONS = 512
PATIENCE_S = 10.0
CLOSED = frozenset({"metrics", "demo"})
"""First segments of paths that only this machine may request."""
_STRIPPED = ("forwarded", "x-forwarded-", "x-real-ip", "via", "client-cert", "x-client-cert", "ssl-client", "x-ssl-")
_HOP = ("connection", "keep-alive", "proxy-", "te", "trailer", "transfer-encoding", "upgrade", "content-length")
_ORIGIN_FORM = re.compile(r"/[!-\"$-~]*")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


class _RefusedError(Exception):
    """The proxy answers the request itself, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _new_client() -> httpx2.AsyncClient:
    """Returns the process's only client, with a new connection for each request.

    No request is lost to an upstream that closes an idle connection.
    """
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.AsyncClient(timeout=PATIENCE_S, limits=limits, trust_env=False, follow_redirects=False)


@dataclass
class Edge:
    """The upstream's URL, and the keys that sign certificates for identity."""

    upstream: str
    keys: Keyring
    open_connections: int = 0
    client: httpx2.AsyncClient = field(default_factory=_new_client)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self.open_connections += 1
        with contextlib.suppress(OSError, ssl.SSLError):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    writer.write(await self._answer(reader, writer))
                    await writer.drain()
            except TimeoutError:
                writer.write(_short(408))
            finally:
                self.open_connections -= 1
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        try:
            if self.open_connections > MOST_CONNECTIONS:
                raise _RefusedError(503)
            request, body = await _read(connection, reader)
            answer = await self._pass_on(request, body, writer)
        except _RefusedError as refused:
            return _short(refused.status)
        except h11.RemoteProtocolError as error:
            return _short(error.error_status_hint)
        except httpx2.HTTPError:
            return _short(502)
        kept = [(name, value) for name, value in answer.headers.raw if not name.lower().decode().startswith(_HOP)]
        length = answer.headers.get("content-length", "0") if request.method == b"HEAD" else str(len(answer.content))
        kept += [(b"content-length", length.encode()), (b"connection", b"close")]
        sent = connection.send(h11.Response(status_code=answer.status_code, headers=kept)) or b""
        return sent + (connection.send(h11.Data(data=answer.content)) or b"") if answer.content else sent

    async def _pass_on(self, request: h11.Request, body: bytes, writer: asyncio.StreamWriter) -> httpx2.Response:
        method, target = request.method.decode(), request.target.decode("latin-1")
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers if _is_passed(name)}
        peer = ipaddress.ip_address(writer.get_extra_info("peername")[0])
        headers["forwarded"] = _forwarded(peer, headers["host"])
        headers |= {"x-forwarded-for": str(peer), "x-forwarded-proto": "https"}  # what the upstream's server reads
        certificate = _certificate(writer)
        if certificate is not None:
            headers |= sign_certificate(self.keys, certificate, SignedRequest(method, target, body), clock.now())
        return await self.client.request(
            method, self.upstream, headers=headers, content=body, extensions={"target": target.encode()}
        )


async def start(edge: Edge, port: int, folder: Path) -> asyncio.Server:
    """Starts to listen on the loopback, with the certificate of the PKI in the folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "edge.pem")
    for name in ("roots", "persons", "organisations"):
        context.load_verify_locations(folder / f"{name}.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return await asyncio.start_server(edge.serve, HOST, port, ssl=context, ssl_handshake_timeout=PATIENCE_S)


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    """Reads head and body; checks the head before the body. Raises _RefusedError and h11.RemoteProtocolError."""
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(16 * 1024))
            case h11.Request():
                _check(event)
                request = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage() if request is not None:
                return request, body
            case _:
                raise _RefusedError(400)
        if len(body) > LARGEST_BODY:
            raise _RefusedError(413)


def _check(request: h11.Request) -> None:
    """Raises _RefusedError if the head is too large or ambiguous, or if its path is in `CLOSED`."""
    target = request.target.decode("latin-1")
    names = [name.decode() for name, _ in request.headers]
    hosts = [value.decode("latin-1") for name, value in request.headers if name == b"host"]
    if len(target) > LARGEST_TARGET:
        raise _RefusedError(414)
    if len(names) > MOST_FIELDS:
        raise _RefusedError(431)
    if _ORIGIN_FORM.fullmatch(target) is None or len(hosts) != 1 or _HOST.fullmatch(hosts[0]) is None:
        raise _RefusedError(400)
    if "transfer-encoding" in names and "content-length" in names:
        raise _RefusedError(400)
    if unquote(target.partition("?")[0]).strip("/").partition("/")[0] in CLOSED:
        raise _RefusedError(404)


def _is_passed(name: bytes) -> bool:
    text = name.decode().lower().replace("_", "-")
    return not text.startswith((*_STRIPPED, *_HOP))


def _forwarded(peer: ipaddress.IPv4Address | ipaddress.IPv6Address, host: str) -> str:
    address = f'"[{peer}]"' if peer.version == 6 else str(peer)
    return f'for={address};host="{host}";proto=https'


def _certificate(writer: asyncio.StreamWriter) -> bytes | None:
    tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


def _short(status: int) -> bytes:
    return b"HTTP/1.1 %d \r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status


async def _main(port: int, upstream: str, folder: Path) -> None:
    server = await start(Edge(upstream, Keyring.parse(os.environ["EDGE_KEYS"])), port, folder)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
