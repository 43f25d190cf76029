"""Leads each request of a browser to the service of its page, and streams both ways."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.local.front.routing import Front, request_headers, response_headers
from deploy.local.front.words import front_pages

_PATIENCE: Final = httpx2.Timeout(connect=3.0, read=90.0, write=90.0, pool=5.0)


def new_client() -> httpx2.AsyncClient:
    """Returns the client of the services, with a new connection for each request: none is lost to an idle one."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.AsyncClient(timeout=_PATIENCE, limits=limits, trust_env=False, follow_redirects=False)


class FrontApp:
    """ASGI application: the pages of all services on one origin, and those of the demonstration (`own`)."""

    def __init__(self, front: Front, own: ASGIApp) -> None:
        self._front = front
        self._own = own
        self._client: httpx2.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._own(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.headers.get("host", "") != self._front.authority:
            await self._refuse(request, send, "other-host")
            return
        if request.url.path == "/demo" or request.url.path.startswith(("/demo/", "/static/")):
            await self._own(scope, receive, send)
            return
        raw_path = scope["raw_path"].decode("latin-1")
        upstream = self._front.upstream_of(raw_path, request.url.path)
        if upstream is None:
            await self._refuse(request, send, "no-page")
            return
        await self._pass_on(request, raw_path, self._front.upstreams[upstream], send)

    async def _pass_on(self, request: Request, raw_path: str, base: str, send: Send) -> None:
        query = request.scope["query_string"].decode("latin-1")
        url = f"{base}{raw_path}" + (f"?{query}" if query else "")
        peer = request.client.host if request.client else ""
        headers = request_headers(request.scope["headers"], peer)
        body = _body(request) if _has_body(request) else None
        has_begun = False
        try:
            async with contextlib.aclosing(await self._send(request.method, url, headers, body)) as answer:
                begin = {"status": answer.status_code, "headers": response_headers(answer.headers.raw)}
                await send({"type": "http.response.start", **begin})
                has_begun = True
                async for chunk in answer.aiter_raw():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except httpx2.TransportError:
            if has_begun:  # the answer stays incomplete, and the server closes the connection
                raise
            await self._refuse(request, send, "service-away")

    async def _send(self, method: str, url: str, headers: list[tuple[bytes, bytes]], body: Any) -> httpx2.Response:
        self._client = self._client or new_client()
        return await self._client.send(httpx2.Request(method, url, headers=headers, content=body), stream=True)

    async def _refuse(self, request: Request, send: Send, code: str) -> None:
        page = front_pages().refusal(request, code, self._front.origin)
        await page(request.scope, request.receive, send)


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk
