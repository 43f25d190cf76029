"""Runs a command's coroutine, which Ctrl-C, SIGTERM (`dmp down`) and SIGHUP end cleanly."""

import asyncio
import functools
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from deploy.local.platform.errors import Interrupted
from shared.runtime.line_output import LineOutput

if TYPE_CHECKING:
    from deploy.local.platform.supervisor import Progress

T = TypeVar("T")
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine and returns its result; the first stopping signal cancels it.

    Raises Interrupted if a signal has ended it.
    """
    is_interrupted = False

    async def supervised() -> T:
        task = asyncio.ensure_future(work)

        def interrupt() -> None:
            nonlocal is_interrupted
            if not is_interrupted:
                is_interrupted = True
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, interrupt)
        return await task

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError as error:
        if is_interrupted:
            raise Interrupted from error
        raise


def print_progress(progress: "Progress") -> None:
    """Prints a step and its duration on the error stream."""
    took = f"{progress.seconds:6.1f} s" if progress.seconds >= 0.05 or progress.state == "ready" else " " * 8
    detail = f"  {progress.detail}" if progress.detail else ""
    print_line(f"  {progress.name:<18}{progress.state:<9}{took}{detail}")


def print_line(text: str) -> None:
    """Prints a line on the error stream without ever blocking.

    A line that a full disk, a closed pipe or a suspended terminal does not accept at once is dropped, and counted in
    the next line that is accepted.
    """
    _terminal().write(text.encode())


@functools.cache
def _terminal() -> LineOutput:
    return LineOutput(sys.stderr, lambda count: f"  ({count} lines could not be written here)".encode())
