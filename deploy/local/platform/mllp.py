"""Sends one HL7 v2 message over MLLP and reads its acknowledgement (HL7 v2.5.1 appendix C, chapter 2)."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from deploy.local.platform.errors import LocalError

_START, _END = b"\x0b", b"\x1c\r"
_TIMEOUT_S: Final = 60.0
_LONGEST_ACK: Final = 1024 * 1024
ACCEPTED: Final = frozenset({"AA", "CA"})


class MllpError(LocalError):
    """The listener does not answer, or not with an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An acknowledgement: MSA-1, and the codes of its ERR segments (ERR-5, else ERR-3), first one first."""

    code: str
    errors: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether the message was taken."""
        return self.code in ACCEPTED


async def send_message(host: str, port: int, message: bytes) -> Acknowledgement:
    """Sends the message over a connection of its own. Raises MllpError."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_ACK)
            try:
                writer.write(_START + message + _END)
                await writer.drain()
                answer = await reader.readuntil(_END)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise MllpError(f"the MLLP listener {host}:{port} does not answer") from error
    return acknowledgement_in(answer)


def acknowledgement_in(answer: bytes) -> Acknowledgement:
    """Returns the acknowledgement in the bytes of a frame. Raises MllpError."""
    segments = answer.strip(b"\x0b\x1c\r\n").decode("latin-1").split("\r")
    separator, component = segments[0][3:4] or "|", segments[0][4:5] or "^"
    fields = [segment.strip().split(separator) for segment in segments]
    code = next((_field(segment, 1) for segment in fields if segment[0] == "MSA"), "")
    if not code:
        raise MllpError("the MLLP listener does not answer with an acknowledgement")
    errors = (_field(err, 5) or _field(err, 3) for err in fields if err[0] == "ERR")
    return Acknowledgement(code, tuple(error.partition(component)[0] for error in errors if error))


def _field(segment: list[str], number: int) -> str:
    return segment[number] if number < len(segment) else ""
