"""A task that loses a cancellation is cancelled again."""

import asyncio
import contextlib

import pytest

from shared.runtime import tasks


async def test_a_task_that_loses_its_first_cancellations_ends_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CANCEL_AGAIN_S", 0.01)
    lost = 0

    async def lose_two() -> None:
        nonlocal lost
        while lost < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            lost += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(lose_two())
    await asyncio.wait([task], timeout=0)  # the task has begun
    await tasks.end_tasks([task])
    assert lost == 2
    assert task.cancelled()
