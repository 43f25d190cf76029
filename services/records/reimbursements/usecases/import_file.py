"""Imports a file of reimbursements: compares it with its frame, then takes it batch by batch; a thread reads ahead."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.records.reimbursements.adapters.files import RowFile, check_file, open_rows, read_frame
from services.records.reimbursements.adapters.line_batches import LineBatch, next_batch
from services.records.reimbursements.adapters.rejections import write_rejections
from services.records.reimbursements.domain.frame import Frame
from services.records.reimbursements.domain.pace import Pace
from services.records.reimbursements.domain.progress import (
    FileChangedError,
    ImportOutcome,
    ImportReport,
    ImportRunningError,
)
from services.records.reimbursements.steps.arrivals import FillContext
from services.records.reimbursements.store import files
from services.records.reimbursements.store.files import FileProgress
from services.records.reimbursements.usecases.take_batch import finish_file, take_batch
from shared.db.key_uses import Rings, check_rings
from shared.db.pool import TRANSIENT, Pool, create_pool, transaction
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings

BATCH_LINES: Final = 1000
REJECTIONS_PAGE: Final = 10_000
Report = Callable[[ImportReport], None]


@dataclass(frozen=True)
class ReimbursementImporter:
    """Imports files as the app role."""

    postgres: PostgresSettings
    rings: Rings
    context: FillContext

    async def import_file(self, path: Path, report: Report) -> ImportOutcome:
        """Imports a file, or goes on where an earlier run with it has ended.

        Raises FrameInvalidError, FrameMismatchError, FileDamagedError, FileHeaderError and FileEncodingError before
        anything is taken, ImportRunningError, FileChangedError, OSError.
        """
        frame = await asyncio.to_thread(read_frame, path)
        await asyncio.to_thread(check_file, path, frame)
        await check_rings(self.postgres, "records", self.rings)
        async with self._guarded(frame.sha256) as pool:
            first = await _begin(pool, frame.sha256)
            if first.is_finished:
                return ImportOutcome(first.counts, was_begun=True, was_finished=True)
            last = await self._take_rows(pool, path, frame, first, report)
            await _list_rejections(pool, path, frame.sha256)
        return ImportOutcome(last.counts, was_begun=first.row > 0, was_finished=False)

    @asynccontextmanager
    async def _guarded(self, digest: bytes) -> AsyncIterator[Pool]:
        """Yields a pool while no other run imports this file. Raises ImportRunningError."""
        pool = await create_pool(self.postgres, application="records-import-reimbursements", size=2)
        try:
            async with pool.acquire() as guard:
                if not await files.lock_file(guard, digest):
                    raise ImportRunningError
                try:
                    yield pool
                finally:
                    with suppress(*TRANSIENT):  # a lost connection holds no lock
                        await files.unlock_file(guard, digest)
        finally:
            pool.terminate()

    async def _take_rows(
        self, pool: Pool, path: Path, frame: Frame, first: FileProgress, report: Report
    ) -> FileProgress:
        """Takes the rows from the last one that was taken; the next batch is parsed while one is written."""
        progress, pace = first, Pace()
        with open_rows(path) as rows:
            reader = _Reader(rows, first.row)
            ahead = reader.read_ahead()
            try:
                while (batch := await ahead).last_row is not None:
                    ahead = reader.read_ahead()
                    began = time.monotonic()
                    progress = await take_batch(pool, self.context, frame.sha256, progress, batch)
                    await asyncio.sleep(pace.pause_after(time.monotonic() - began, batch.count))
                    report(ImportReport(sum(progress.counts.values()), frame.lines, progress.counts))
            finally:
                ahead.cancel()
        if sum(progress.counts.values()) != frame.lines:
            raise FileChangedError
        return await finish_file(pool, frame.sha256, progress)


class _Reader:
    """Reads batches of a file in a thread, one at a time."""

    def __init__(self, rows: RowFile, after: int) -> None:
        self._names = rows.names
        self._rows = rows.rows(after)
        self._today = clock.now().date()

    def read_ahead(self) -> "asyncio.Task[LineBatch]":
        """Begins to read the next batch."""
        return asyncio.create_task(
            asyncio.to_thread(next_batch, self._rows, self._names, BATCH_LINES, self._today), name="read-ahead"
        )


async def _begin(pool: Pool, digest: bytes) -> FileProgress:
    started_at = clock.now()
    source = clock.uuid8(int(started_at.timestamp() * 1000), digest[: clock.RANDOM_BYTES])
    async with transaction(pool) as connection:
        return await files.begin_file(connection, digest, source, started_at)


async def _list_rejections(pool: Pool, path: Path, digest: bytes) -> None:
    """Writes the list of rejected lines beside the file, if there are any."""
    after, is_first = 0, True
    while True:
        async with pool.acquire() as connection:
            page = await files.load_rejections(connection, digest, after, REJECTIONS_PAGE)
        if not page:
            return
        await asyncio.to_thread(write_rejections, path, page, is_first=is_first)
        after, is_first = page[-1][0], False
