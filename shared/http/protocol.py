"""HTTP on the wire: uvicorn's protocol with limits on the head, on idle peers and on connections.

A head that is too large, too late or ambiguous ends the connection before any of our code runs. Two amounts are counted
across reads, so that neither can grow without end: the bytes of an incomplete head, and the bytes of a body that are
not content (chunk sizes, extensions and trailers).
"""

import asyncio
import math
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 16 * 1024
LARGEST_TARGET: Final = 8 * 1024
MOST_FIELDS: Final = 100
LONGEST_HEAD_S: Final = 10.0
LONGEST_REST_S: Final = 2.0
"""Seconds for which the rest of a body is read after the answer, so that the client can read the answer first."""
MOST_CONNECTIONS: Final = 1024
FRAMING: Final = 8
"""Bytes of chunk framing allowed per byte of content, beyond the first LARGEST_HEAD."""


class Phase(Enum):
    """The next part expected from the peer."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class BadHeadError(ValueError):
    """The head of a request is not acceptable."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection with the limits of this module.

    After `max_age_s` seconds it ends with the answer to its next request, which says so (`Connection: close`). A peer
    that has proven by a certificate to be a proxy names the client of each request, in `X-Forwarded-For`.
    """

    phase = Phase.IDLE
    _refusal = HTTPStatus.BAD_REQUEST
    _timer: asyncio.TimerHandle | None = None
    _began = False
    _head_size = 0
    _fields_size = 0
    _received = 0
    _content = 0
    _opened_at = 0.0

    def __init__(self, *arguments: Any, max_age_s: float = math.inf, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._max_age_s = max_age_s

    def connection_made(self, transport: Any) -> None:
        """Refuses a connection beyond the limit, unless the one that has been idle longest can be closed for it."""
        super().connection_made(transport)
        if transport.get_extra_info("peercert"):
            self.app = ProxyHeadersMiddleware(self.app, "*")  # of this connection alone
        self._opened_at = self.loop.time()
        if len(self.connections) > MOST_CONNECTIONS and not self._make_room():
            self._close_with(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._begin_waiting(LONGEST_HEAD_S, HTTPStatus.REQUEST_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timer of the connection."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts the data before and after the parser reads it."""
        before = self.phase
        if before is Phase.IDLE:
            self._end_waiting()
        self._received += len(data)
        self._began = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.phase is Phase.HEAD and self._timer is None:
            self._begin_waiting(LONGEST_HEAD_S, HTTPStatus.REQUEST_TIMEOUT)
        if self.phase is Phase.HEAD and (before is Phase.IDLE or not self._began):
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._close_with(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.phase is Phase.BODY and before is Phase.BODY and self._is_mostly_framing():
            self._close_with(HTTPStatus.BAD_REQUEST)

    def on_message_begin(self) -> None:
        """Callback of the parser: a request begins."""
        super().on_message_begin()
        self.phase, self._began = Phase.HEAD, True
        self._head_size, self._fields_size = 0, 0

    def on_url(self, url: bytes) -> None:
        """Callback of the parser: limits the length of the target."""
        if len(self.url) + len(url) > LARGEST_TARGET:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of the parser: limits the fields. Trailers are counted and dropped: they follow the decision."""
        self._fields_size += len(name) + len(value) + 4
        if self._fields_size > LARGEST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self.phase is Phase.BODY:
            return
        if len(self.headers) >= MOST_FIELDS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Callback of the parser: requires an origin-form target for one named host (RFC 9112, 3.2 and 3.2.1)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if not self.url.startswith(b"/") or len(hosts) != 1 or not hosts[0]:
            self._refuse(HTTPStatus.BAD_REQUEST)
        self._end_waiting()
        self.phase, self._received, self._content = Phase.BODY, 0, 0
        super().on_headers_complete()
        if self.loop.time() - self._opened_at > self._max_age_s:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Callback of the parser: counts content."""
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Callback of the parser: the request is complete."""
        self.phase = Phase.IDLE
        self._end_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Callback of the answer: the rest of a body that is no longer needed is read for a short time."""
        super().on_response_complete()
        if self.phase is Phase.BODY and not self.transport.is_closing():
            self._begin_waiting(LONGEST_REST_S, None)

    def send_400_response(self, msg: str) -> None:
        """Called when the parser, or a limit in one of its callbacks, refuses the request."""
        self._close_with(self._refusal)

    def _refuse(self, status: HTTPStatus) -> None:
        self._refusal = status
        raise BadHeadError(status.phrase)

    def _is_mostly_framing(self) -> bool:
        return self._received - self._content > LARGEST_HEAD + FRAMING * self._content

    def _make_room(self) -> bool:
        waiting = [
            connection
            for connection in self.connections
            if isinstance(connection, LimitedProtocol) and connection.is_idle_besides(self)
        ]
        if not waiting:
            return False
        min(waiting, key=LimitedProtocol.deadline).transport.close()
        return True

    def is_idle_besides(self, newcomer: "LimitedProtocol") -> bool:
        """Whether no request is being received or answered here, and this is not the new connection."""
        if self is newcomer or self.transport.is_closing():
            return False
        return self.phase is not Phase.BODY and self._is_answered()

    def deadline(self) -> float:
        """Returns when its wait ends (event loop seconds)."""
        timer = self._timer or self.timeout_keep_alive_task
        return timer.when() if timer is not None else 0.0

    def _is_answered(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is None or cycle.response_complete

    def _begin_waiting(self, seconds: float, status: HTTPStatus | None) -> None:
        self._end_waiting()
        self._timer = self.loop.call_later(seconds, self._close_with, status)

    def _end_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_with(self, status: HTTPStatus | None) -> None:
        """Ends the connection, with a status unless the client could take it for the answer to an earlier request."""
        if status is not None and self._is_answered() and not self.transport.is_closing():
            head = f"HTTP/1.1 {status} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
        self.transport.close()
