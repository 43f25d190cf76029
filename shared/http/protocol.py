"""HTTP on the wire: uvicorn's protocol with limits of the head, of idle peers and of connections.

A head that is too large, too late or ambiguous ends the connection before any of our code runs. Between two reads
nothing is counted twice: what has arrived of a head, and what of a body is not content (chunk sizes, extensions and
trailers), so that neither can grow without end.
"""

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 16 * 1024
LARGEST_TARGET: Final = 8 * 1024
MOST_FIELDS: Final = 100
LONGEST_HEAD_S: Final = 10.0
LONGEST_REST_S: Final = 2.0
"""How long the rest of a body is read after the answer, so that the client can read the answer first."""
MOST_CONNECTIONS: Final = 1024
FRAMING: Final = 8
"""Bytes around each byte of content that chunks may cost, beyond a first LARGEST_HEAD."""


class Phase(Enum):
    """What comes next from the peer."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class BadHeadError(ValueError):
    """The head of a request is not as it must be."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    phase = Phase.IDLE
    _refusal = HTTPStatus.BAD_REQUEST
    _timer: asyncio.TimerHandle | None = None
    _began = False
    _head_size = 0
    _fields_size = 0
    _received = 0
    _content = 0

    def connection_made(self, transport: Any) -> None:
        """Makes room, by closing who has waited longest without sending a request, or refuses."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS and not self._make_room():
            self._close_with(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._begin_waiting(LONGEST_HEAD_S, HTTPStatus.REQUEST_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the timer with the connection."""
        self._end_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What has come is counted before and after the parser has seen it."""
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
        """Callback of the parser."""
        super().on_message_begin()
        self.phase, self._began = Phase.HEAD, True
        self._head_size, self._fields_size = 0, 0

    def on_url(self, url: bytes) -> None:
        """Callback of the parser."""
        if len(self.url) + len(url) > LARGEST_TARGET:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of the parser. Trailers are counted and dropped: they come after the request was judged."""
        self._fields_size += len(name) + len(value) + 4
        if self._fields_size > LARGEST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self.phase is Phase.BODY:
            return
        if len(self.headers) >= MOST_FIELDS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Callback of the parser: a target in origin form for one named host (RFC 9112, sections 3.2 and 3.2.1)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if not self.url.startswith(b"/") or len(hosts) != 1 or not hosts[0]:
            self._refuse(HTTPStatus.BAD_REQUEST)
        self._end_waiting()
        self.phase, self._received, self._content = Phase.BODY, 0, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Callback of the parser."""
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Callback of the parser."""
        self.phase = Phase.IDLE
        self._end_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Callback of the answer: a body that nobody waits for is read a little longer."""
        super().on_response_complete()
        if self.phase is Phase.BODY and not self.transport.is_closing():
            self._begin_waiting(LONGEST_REST_S, None)

    def send_400_response(self, msg: str) -> None:
        """Called where the parser, or a limit in one of its callbacks, has refused."""
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
        """Whether nobody is being answered here, and it is not the newcomer."""
        if self is newcomer or self.transport.is_closing():
            return False
        return self.phase is not Phase.BODY and self._is_answered()

    def deadline(self) -> float:
        """When its wait ends (event loop seconds)."""
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
        """Ends the connection; says why where no answer to an earlier request could be taken for it."""
        if status is not None and self._is_answered() and not self.transport.is_closing():
            head = f"HTTP/1.1 {status} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
        self.transport.close()
