"""Takes a batch of a file: its lines, its rejected rows and the progress through the file in one transaction."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import asyncpg

from services.records.reimbursements.adapters.line_batches import LineBatch
from services.records.reimbursements.domain.progress import REJECTED, ImportRunningError
from services.records.reimbursements.steps.arrivals import FillContext, LineSource
from services.records.reimbursements.steps.store_lines import store_lines
from services.records.reimbursements.store import files
from services.records.reimbursements.store.files import FileProgress
from services.records.reimbursements.store.lines import LineOvertakenError
from shared.db.pool import Connection, Pool, transaction
from shared.runtime import clock, tracing

ATTEMPTS: Final = 10


async def take_batch(
    pool: Pool, context: FillContext, digest: bytes, previous: FileProgress, batch: LineBatch
) -> FileProgress:
    """Returns the progress that was stored. Raises ImportRunningError when another run has made progress meanwhile."""

    async def take() -> FileProgress:
        source = LineSource(previous.source, previous.started_at, tracing.current())
        async with transaction(pool) as connection:
            await files.insert_rejections(connection, digest, batch.rejected)
            counts = Counter(previous.counts)
            counts.update({REJECTED: len(batch.rejected)} if batch.rejected else {})
            counts.update(await store_lines(connection, context, batch.lines, source))
            assert batch.last_row is not None, "the batch has rows"
            return await _progressed(connection, digest, previous, replace(previous, row=batch.last_row, counts=counts))

    return await _repeated(take)


async def finish_file(pool: Pool, digest: bytes, previous: FileProgress) -> FileProgress:
    """Marks the file as taken. Raises ImportRunningError."""
    async with transaction(pool) as connection:
        return await _progressed(connection, digest, previous, replace(previous, is_finished=True))


async def _progressed(
    connection: Connection,
    digest: bytes,
    previous: FileProgress,
    current: FileProgress,
) -> FileProgress:
    if not await files.set_progress(connection, digest, previous, current, clock.now()):
        raise ImportRunningError
    return current


async def _repeated(take: Callable[[], Awaitable[FileProgress]]) -> FileProgress:
    """Repeats a batch whose lines other batches enter at the same time."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await take()
        except (LineOvertakenError, asyncpg.DeadlockDetectedError):
            continue
    return await take()
