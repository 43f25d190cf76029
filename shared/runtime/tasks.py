"""Ends tasks of this process reliably."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 5.0
"""Python 3.11's `asyncio.wait_for` loses a cancellation that arrives at the moment when the awaited result is ready,
so cancellation is repeated after this time. It is long enough for a cancelled task to clean up."""


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancels all tasks, repeatedly, and returns when each has ended, however it ended."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
