"""The outermost layer of every API: checks text and body size, continues the trace, measures, answers errors."""

import time
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import ClientError, UnsupportedEncodingError
from shared.http.bodies import NulCharacterError, too_large
from shared.http.constant_time import mark_body_received
from shared.http.head import as_get
from shared.http.outcomes import without_trailing_slash
from shared.http.problems import Renderer, answer_for
from shared.runtime import spans, tracing
from shared.runtime.metrics import REQUESTS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WATCHED = frozenset({"/livez", "/readyz", "/metrics"})
"""Routes that are asked every few seconds: no spans are made of them."""


class ErrorBoundary:
    """ASGI middleware. Refuses bodies over `body_limit` bytes (announced or streamed) and any content encoding."""

    def __init__(self, app: ASGIApp, *, render: Renderer, body_limit: int) -> None:
        self.app = app
        self.render = render
        self.body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope, send = as_get(without_trailing_slash(scope), send)
        started = time.perf_counter()
        status = 0

        async def traced_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"traceparent", tracing.current().encode()))
            await send(message)

        try:
            await self._answer(scope, receive, traced_send)
        except Exception as error:  # a bug or an outage: the caller gets a problem, the log the details
            answer = answer_for(Request(scope), error, self.render)
            if not status:  # else the answer had begun: it stays incomplete, and the server closes the connection
                await answer(scope, receive, traced_send)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            seconds = time.perf_counter() - started
            REQUESTS.labels(scope["method"], route, status or 500).observe(seconds)
            if spans.is_enabled() and route not in _WATCHED:
                _record_span(scope, route, status or 500, seconds)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        mark_body_received(scope)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        tracing.enter(headers.get(b"traceparent", b"").decode("ascii", "replace"))
        try:
            _check_text(scope)
            self._check(headers)
            await self.app(scope, self._limited(scope, receive), send)
        except ClientError as error:
            await self.render(Request(scope), error.status, error.code, str(error))(scope, receive, send)

    def _check(self, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UnsupportedEncodingError
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.body_limit:
            raise too_large(self.body_limit)

    def _limited(self, scope: Scope, receive: Receive) -> Any:
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                mark_body_received(scope)
            taken += len(message.get("body", b""))
            if taken > self.body_limit:
                raise too_large(self.body_limit)
            return message

        return limited


def _record_span(scope: Scope, route: str, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    parent = dict(scope["headers"]).get(b"traceparent", b"").decode("ascii", "replace")
    attributes: dict[spans.Attribute, str | int] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    name, is_error = f"{method} {route}", status >= 500
    spans.record(name, "server", tracing.current(), parent, attributes, seconds=seconds, is_error=is_error)


def _check_text(scope: Scope) -> None:
    """Raises NulCharacterError when the path, the query or a header contains a NUL, literal or percent-encoded."""
    query: bytes = scope["query_string"]
    if "\0" in scope["path"] or b"%00" in query or b"\0" in query:
        raise NulCharacterError
    if any(b"\0" in value for _, value in scope["headers"]):
        raise NulCharacterError
