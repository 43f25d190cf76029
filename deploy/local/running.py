"""How a command runs: one coroutine that Ctrl-C, SIGTERM (`dmp down`) and SIGHUP end cleanly."""

import asyncio
import functools
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from deploy.local.supervisor import Progress
from shared.runtime.line_output import LineOutput

T = TypeVar("T")
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818  # it is no error
    """Somebody asked the command to end, and it has ended what it started."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine; a stopping signal cancels it once. Raises Interrupted when that ended it."""
    asked = False

    async def supervised() -> T:
        task = asyncio.ensure_future(work)

        def ask() -> None:
            nonlocal asked
            if not asked:
                asked = True
                task.cancel()

        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, ask)
        return await task

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError as error:
        if asked:
            raise Interrupted from error
        raise


def print_progress(progress: Progress) -> None:
    """One line per step, on the error stream: what, how long."""
    took = f"{progress.seconds:6.1f} s" if progress.seconds >= 0.05 or progress.state == "ready" else " " * 8
    detail = f"  {progress.detail}" if progress.detail else ""
    print_line(f"  {progress.name:<18}{progress.state:<9}{took}{detail}")


def print_line(text: str) -> None:
    """A line on the error stream. It stops nobody: what a full disk, a closed pipe or a terminal on hold does not
    take at once is dropped, and counted in the next line that is taken.
    """
    _terminal().write(text.encode())


@functools.cache
def _terminal() -> LineOutput:
    return LineOutput(sys.stderr, lambda count: f"  ({count} lines could not be written here)".encode())
