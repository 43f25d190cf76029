"""Listens for HL7 v2 messages over MLLP: one message of a connection at a time, in order, each acknowledged after its
commit.

Limits: connections, bytes of a message and its pace, bytes held by a sender and in all, and the load of the process.
Where there is no room the socket is not read; after LONGEST_WAIT_S the message is answered AR 207, to be sent again.
Messages of bulk software take their turn in the lane of bulk work.
"""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from services.records.copies.store.clients import load_inactive_clients
from services.records.hl7v2.context import Hl7v2Context, ListenerRules, Peer
from services.records.hl7v2.domain.faults import try_later
from services.records.hl7v2.usecases.receive_message import Answer, receive_message, reject
from services.records.kit.metrics import CONNECTIONS
from shared.db.errors import DATABASE_ERRORS
from shared.errors import OverloadedError
from shared.hl7v2.mllp import FrameReader, FrameTooLargeError, FrameTooSlowError, frame
from shared.http import bulk_lane
from shared.http.admission import Load, Urgency, urgency_for
from shared.http.bodies import Buffers, BuffersFullError, Held
from shared.http.bulk_lane import BulkLaneFullError
from shared.http.tokens import Caller
from shared.runtime.logs import log_limited
from shared.runtime.tasks import end_tasks
from shared.runtime.tls import server_context

LONGEST_WAIT_S: Final = 20.0
"""Seconds for which a message waits for room in the lane before it is answered AR 207."""
PAUSE_S: Final = 0.05
LONGEST_WORK_S: Final = 15.0
"""Seconds that a message is worked on at most, with the wait for the checks of what it replaces or deposits."""
DRAIN_S: Final = max(LONGEST_WAIT_S, bulk_lane.LONGEST_WAIT_S) + LONGEST_WORK_S
"""Seconds at the end of the process for the messages in work, which may still wait for room."""
CHECK_EVERY_S: Final = 2.0
"""Seconds between two looks for connections that are old or whose client has been deactivated."""
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


@dataclass(eq=False)
class Connection:
    """An open connection. `is_idle`: between two messages, `since` that time. Times are event loop seconds."""

    peer: Peer
    name: str
    writer: asyncio.StreamWriter
    since: float
    opened_at: float
    is_idle: bool = True
    sender: Caller | None = None
    """The software that sent the last message."""

    @property
    def urgency(self) -> Urgency:
        """The urgency of the next message: bulk after one of software registered as bulk."""
        return urgency_for(self.sender, Urgency.DEPOSIT)


@dataclass
class Listener:
    """Serves MLLP connections."""

    context: Hl7v2Context
    rules: ListenerRules
    load: Load = field(default_factory=Load)
    buffers: Buffers = field(default_factory=Buffers)
    connections: set[Connection] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[asyncio.Server]:
        """Serves for the duration of the block; at its end open messages are finished, within DRAIN_S."""
        server = await asyncio.start_server(self._serve, self.rules.host, self.rules.port, ssl=tls_context(self.rules))
        closing = asyncio.create_task(self._close_some())
        try:
            yield server
        finally:
            server.close()
            await end_tasks([closing])
            await self._drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection until either side ends it."""
        connection = _connection(writer)
        if len(self.connections) >= self.rules.max_connections and not self._make_room():
            writer.close()
            return
        self.connections.add(connection)
        CONNECTIONS.set(len(self.connections))
        try:
            await self._converse(connection, FrameReader(reader, self.rules.message_limit))
        except (ConnectionError, ssl.SSLError, TimeoutError):
            pass  # the peer is gone: what has no acknowledgement, it sends again
        finally:
            self.connections.discard(connection)
            CONNECTIONS.set(len(self.connections))
            writer.close()

    async def _converse(self, connection: Connection, frames: FrameReader) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection.is_idle, connection.since = True, loop.time()
            with self.buffers.holding(connection.name) as held:
                try:
                    raw = await frames.next(lambda size: self._count(connection, held, size))
                except (FrameTooLargeError, FrameTooSlowError, BuffersFullError) as error:
                    await _send(connection, reject(error))
                    return
                if raw is None:
                    return
                answer = await self._answer(connection, raw)
            connection.sender = answer.sender or connection.sender
            await _send(connection, answer)

    def _count(self, connection: Connection, held: Held, size: int) -> None:
        connection.is_idle = False
        held.add(size)

    async def _answer(self, connection: Connection, raw: bytes) -> Answer:
        """Waits for a place in the lane of the connection, then receives the message."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_WAIT_S
        while True:
            try:
                async with self.load.admit(connection.urgency):
                    return await receive_message(self.context, connection.peer, raw)
            except BulkLaneFullError:
                return reject(try_later(), raw)
            except OverloadedError:
                if loop.time() >= deadline:
                    return reject(try_later(), raw)
            except Exception as error:
                log_limited("request.failed", error)
                return reject(try_later(), raw)
            await asyncio.sleep(PAUSE_S)

    def _make_room(self) -> bool:
        """Closes the connection that has been idle longest; returns False where none is idle."""
        idle = [connection for connection in self.connections if connection.is_idle]
        if not idle:
            return False
        longest = min(idle, key=lambda connection: connection.since)
        longest.writer.close()
        self.connections.discard(longest)
        return True

    async def _close_some(self) -> None:
        """Closes idle connections that are old, and those of clients that were deactivated since their last message."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self._close_old()
            client_ids = {open_.sender.client_id for open_ in self.connections if open_.sender is not None}
            if not client_ids:
                continue
            with suppress(*DATABASE_ERRORS):  # looked at again after CHECK_EVERY_S; each message is checked anyway
                async with self.context.read.pool.acquire() as database:
                    inactive = await load_inactive_clients(database, client_ids)
                for connection in [
                    open_ for open_ in self.connections if open_.sender and open_.sender.client_id in inactive
                ]:
                    connection.writer.close()

    def _close_old(self) -> None:
        oldest = asyncio.get_running_loop().time() - self.rules.max_age_s
        for connection in [each for each in self.connections if each.is_idle and each.opened_at < oldest]:
            connection.writer.close()
            self.connections.discard(connection)

    async def _drain(self) -> None:
        """Closes idle connections, and waits for the others to answer."""
        deadline = asyncio.get_running_loop().time() + DRAIN_S
        while self.connections and asyncio.get_running_loop().time() < deadline:
            for connection in [connection for connection in self.connections if connection.is_idle]:
                connection.writer.close()
                self.connections.discard(connection)
            await asyncio.sleep(PAUSE_S)
        for connection in self.connections:
            connection.writer.transport.abort()


def tls_context(rules: ListenerRules) -> ssl.SSLContext | None:
    """Returns the TLS context, which asks for a client certificate of the authorities; None without TLS."""
    if rules.certificate is None:
        return None
    assert rules.key is not None
    assert rules.client_authorities is not None
    return server_context(rules.certificate, rules.key, rules.client_authorities)


def _connection(writer: asyncio.StreamWriter) -> Connection:
    """Returns the connection; keepalive ends one whose other end has vanished."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        raw.setsockopt(socket.IPPROTO_TCP, option, value)
    tls = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    digest = hashlib.sha256(certificate).hexdigest() if certificate is not None else None
    name = digest or str(writer.get_extra_info("peername")[0])
    now = asyncio.get_running_loop().time()
    return Connection(Peer(digest), name, writer, now, now)


async def _send(connection: Connection, answer: Answer) -> None:
    """Sends an acknowledgement; a peer that does not read it is given up."""
    if answer.acknowledgement is None:
        return
    connection.writer.write(frame(answer.acknowledgement))
    async with asyncio.timeout(LONGEST_WAIT_S):
        await connection.writer.drain()
