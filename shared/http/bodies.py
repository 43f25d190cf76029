"""Reads request bodies with limits on their size, their pace, and the bytes held at once.

Received bytes are counted from the first one, for each client and in total, until the request is answered. A slow body
therefore holds back no other one, and memory stays bounded. Beyond the limit the answer is 503 with Retry-After.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final

from starlette.requests import ClientDisconnect, Request

from shared.db.nul import has_escaped_nul
from shared.errors import ClientError, InvalidError, TooLargeError

SMALL: Final = 64 * 1024
"""Bytes of body that a route accepts unless it states another limit (`takes`)."""
PER_CLIENT: Final = 80 * 1024 * 1024
IN_ALL: Final = 240 * 1024 * 1024
SLOWEST: Final = 64 * 1024
"""Bytes per second at which a body must arrive, after the first GRACE_S seconds."""
GRACE_S: Final = 10.0
_FORM: Final = "application/x-www-form-urlencoded"


class UploadTooSlowError(ClientError):
    """The body did not arrive in time. Send it again over a faster line, or in smaller parts."""

    code = "upload-too-slow"
    french = "Le contenu n’est pas arrivé à temps. Renvoyez-le par une ligne plus rapide, ou en plusieurs fois."
    status: ClassVar[int] = 408


class BodyCutError(ClientError):
    """The body ended before it was complete. Send it again."""

    code = "body-cut"
    french = "Le contenu s’est interrompu avant la fin. Renvoyez-le."


class BuffersFullError(ClientError):
    """Too much is being sent at once. Wait, then send it again."""

    code = "too-much-at-once"
    french = "Trop de contenus arrivent en même temps. Attendez, puis renvoyez-le."
    status: ClassVar[int] = 503
    retry_after = 5


class NulCharacterError(InvalidError):
    """Remove the NUL characters: no text may hold one."""

    code = "nul-character"
    french = "Retirez les caractères NUL : aucun texte ne peut en contenir."


@dataclass
class Buffers:
    """Counts the bytes of request bodies that a process holds."""

    per_client: int = PER_CLIENT
    in_all: int = IN_ALL
    _held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _total: int = 0

    def held(self) -> int:
        """Returns the number of bytes held now."""
        return self._total

    @contextmanager
    def holding(self, client: str) -> Iterator["Held"]:
        """Yields a counter for one request; its bytes are released at the end of the block."""
        held = Held(self, client)
        try:
            yield held
        finally:
            self.add(client, -held.size)

    def add(self, client: str, size: int) -> None:
        """Counts bytes. Raises BuffersFullError, without counting, when there is no room for them."""
        if size > 0 and (self._total + size > self.in_all or self._held[client] + size > self.per_client):
            raise BuffersFullError
        self._total += size
        self._held[client] += size
        if not self._held[client]:
            del self._held[client]


@dataclass
class Held:
    """Counts the bytes that one request holds."""

    buffers: Buffers
    client: str
    size: int = 0

    def add(self, size: int) -> None:
        """Counts bytes of the request. Raises BuffersFullError."""
        self.buffers.add(self.client, size)
        self.size += size


def too_large(limit: int) -> TooLargeError:
    """Returns the error that names the limit."""
    return TooLargeError(f"The body is larger than the {limit} bytes that are taken here; send less at once.")


async def take_body(request: Request, limit: int, held: Held) -> bytes:
    """Returns the whole body.

    Raises TooLargeError, BuffersFullError, UploadTooSlowError, BodyCutError.
    """
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()) or int(announced) > limit:
        raise too_large(limit)
    parts: list[bytes] = []
    try:
        async for part in _paced(request, held):
            if held.size > limit:
                raise too_large(limit)
            parts.append(part)
    except TimeoutError as error:
        raise UploadTooSlowError from error
    except ClientDisconnect as error:
        raise BodyCutError from error
    return b"".join(parts)


async def _paced(request: Request, held: Held) -> AsyncIterator[bytes]:
    """Yields the parts as they arrive, each counted. Raises TimeoutError when they arrive too slowly."""
    loop = asyncio.get_running_loop()
    started, stream = loop.time(), request.stream()
    while True:
        async with asyncio.timeout_at(started + GRACE_S + held.size / SLOWEST):
            part = await anext(stream, None)
        if part is None:
            return
        held.add(len(part))
        yield part


def check_text(body: bytes, content_type: str) -> None:
    """Raises NulCharacterError when a JSON, form or other text contains a NUL, which PostgreSQL cannot store."""
    if b"\0" in body or has_escaped_nul(body):
        raise NulCharacterError
    if content_type.partition(";")[0].strip().lower() == _FORM and b"%00" in body:
        raise NulCharacterError
