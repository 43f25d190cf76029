"""Ending tasks of this process for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 5.0
"""Python 3.11's `asyncio.wait_for` loses a cancellation that comes in the moment in which what it waits for is done.
Long enough for a task that was cancelled and cleans up."""


async def end_tasks(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancels all, again and again, and returns when each has ended, however it ended."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
