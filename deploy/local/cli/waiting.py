"""Lines about progress on the error stream, and a line that counts the seconds while a command waits."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from typing import TextIO

FIRST_AFTER_S, EVERY_S = 1.0, 1.0
_CLEAR = "\r\033[K"


def say(text: str) -> None:
    """Prints a line about progress on the error stream, in place of the line that counts seconds."""
    print(f"{_CLEAR}{text}" if sys.stderr.isatty() else text, file=sys.stderr, flush=True)


@contextlib.asynccontextmanager
async def counted_seconds(stream: TextIO | None = None, first_after_s: float = FIRST_AFTER_S) -> AsyncIterator[None]:
    """Counts the seconds that the block takes, in one line of a terminal that vanishes in the end; elsewhere nothing.

    `stream`: default the error stream.
    """
    terminal = stream or sys.stderr
    if not terminal.isatty():
        yield
        return
    counting = asyncio.create_task(_count(terminal, first_after_s))
    try:
        yield
    finally:
        counting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await counting


async def _count(terminal: TextIO, first_after_s: float) -> None:
    started = time.monotonic()
    await asyncio.sleep(first_after_s)
    try:
        while True:
            print(f"{_CLEAR}waiting for the services: {time.monotonic() - started:.0f} s", end="", file=terminal)
            terminal.flush()
            await asyncio.sleep(EVERY_S)
    finally:
        print(_CLEAR, end="", file=terminal, flush=True)
