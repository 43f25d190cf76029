"""Frames messages on a TCP connection (HL7 Minimal Lower Layer Protocol, release 1): VT, the message, FS, CR."""

import asyncio
from collections.abc import Callable
from typing import Final

from shared.errors import InvalidError

START: Final = b"\x0b"
END: Final = b"\x1c\r"
GRACE_S: Final = 10.0
SLOWEST: Final = 64 * 1024
"""Bytes per second at which a message must arrive after GRACE_S seconds, as over HTTP."""
_CHUNK: Final = 256 * 1024


class FrameTooLargeError(InvalidError):
    """The message is larger than is taken here."""

    code = "message-too-large"
    french = "Le message dépasse ce que ce service accepte."


class FrameTooSlowError(InvalidError):
    """The message did not arrive in time."""

    code = "message-too-slow"
    french = "Le message n’est pas arrivé à temps."


class FrameReader:
    """Reads the messages of one connection, one after another; what follows a message waits in the buffer."""

    def __init__(self, reader: asyncio.StreamReader, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self._buffer = bytearray()

    async def next(self, count: Callable[[int], None]) -> bytes | None:
        """Returns the next message without its frame, None at the end of the connection; what is not framed is dropped.

        Waits for its first byte without a limit. `count` is called with the number of bytes that arrived; what it
        raises passes. Raises FrameTooLargeError and FrameTooSlowError, after which the connection cannot be used.
        """
        if not await self._skip_to_start():
            return None
        count(len(self._buffer))
        loop = asyncio.get_running_loop()
        began, searched = loop.time(), 1
        while (end := self._buffer.find(END, searched)) < 0:
            if len(self._buffer) > self._limit:
                raise FrameTooLargeError
            searched = max(1, len(self._buffer) - 1)
            try:
                async with asyncio.timeout_at(began + GRACE_S + len(self._buffer) / SLOWEST):
                    chunk = await self._reader.read(_CHUNK)
            except TimeoutError:
                raise FrameTooSlowError from None
            if not chunk:
                return None
            count(len(chunk))
            self._buffer += chunk
        message = bytes(memoryview(self._buffer)[1:end])
        del self._buffer[: end + len(END)]
        return message

    async def _skip_to_start(self) -> bool:
        """Drops bytes until the buffer begins with START. Returns False at the end of the connection."""
        while (start := self._buffer.find(START)) < 0:
            self._buffer.clear()
            chunk = await self._reader.read(_CHUNK)
            if not chunk:
                return False
            self._buffer += chunk
        del self._buffer[:start]
        return True


def frame(message: bytes) -> bytes:
    """Returns the message in its frame."""
    return b"".join((START, message, END))
