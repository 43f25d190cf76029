"""Imports files into identity's own database: a thread reads one batch ahead, and each batch is one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from services.identity.imports import store as imports
from services.identity.imports.adapters import line_batches
from services.identity.imports.adapters.files import LineBatch, LineFile, RejectedLines
from services.identity.imports.adapters.line_batches import InsuredPreparer, PreparedBatch
from services.identity.imports.domain import FileIdentity, ImportKind, ImportProgress, ImportRunningError
from services.identity.imports.usecases.apply_professionals import apply_professionals
from services.identity.imports.usecases.apply_structures import apply_structures
from services.identity.imports.usecases.begin_import import begin_import
from services.identity.imports.usecases.end_import import end_import
from services.identity.imports.usecases.import_activities import import_activities
from services.identity.imports.usecases.import_insured import import_insured
from services.identity.imports.usecases.retire_absent import retire_absent
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import Storage
from shared.db.key_uses import Rings, check_rings
from shared.db.pool import TRANSIENT, Pool, create_pool
from shared.delimited import Columns
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings

BATCH_LINES = 4000
PAGE_ROWS = 1000
ReportProgress = Callable[[ImportProgress, FileIdentity], None]
ContentT = TypeVar("ContentT")
WrittenT = TypeVar("WrittenT", contravariant=True)  # noqa: PLC0105


class WriteBatch(Protocol[WrittenT]):
    """Writes a batch and the progress through the file."""

    def __call__(
        self, batch: WrittenT, previous: ImportProgress, current: ImportProgress, /
    ) -> Awaitable[ImportProgress]:
        """Returns the progress that was stored."""


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The result of an import.

    `absent_kept`: why absent professionals stayed active although the import was to retire them.
    """

    progress: ImportProgress
    rejected_file: Path
    resumed: bool


@dataclass(frozen=True, slots=True)
class CompleteDirectory:
    """The option that the file names every professional, so absent professionals become inactive.

    `however_many`: without a limit on their number.
    """

    however_many: bool = False


@dataclass(frozen=True)
class Importer:
    """Imports files as the app role. `test_keys`: numbers under a test OID may have a wrong key."""

    postgres: PostgresSettings
    rings: Rings
    keyrings: Keyrings
    test_keys: bool

    async def insured(self, file: Path, report: ReportProgress, *, resume: bool = False) -> ImportOutcome:
        """Imports the insured register. Raises FileEncodingError, FileHeaderError, ImportRunningError, OSError."""
        preparation = InsuredPreparer(self.keyrings, clock.now().date(), self.test_keys)
        async with self._run("insured", file, line_batches.INSURED_COLUMNS, report, resume=resume) as run:
            write = partial(import_insured, Storage(run.pool, self.keyrings), run.mark)
            progress = await run.read(preparation.insured, write)
            return run.outcome(await end_import(run.pool, "insured", run.mark, progress))

    async def directory(
        self, file: Path, report: ReportProgress, *, complete: CompleteDirectory | None = None, resume: bool = False
    ) -> ImportOutcome:
        """Imports the directory.

        Raises what `insured` raises, and AbsenceImplausibleError; the content of the file is in the directory by then.
        """
        async with self._run("directory", file, line_batches.DIRECTORY_COLUMNS, report, resume=resume) as run:
            progress = await run.read(line_batches.prepare_activities, partial(import_activities, run.pool, run.mark))
            if progress.step == "reading":
                progress = replace(progress, step="structures")
            progress = await run.apply(progress, complete)
            return run.outcome(await end_import(run.pool, "directory", run.mark, progress))

    @asynccontextmanager
    async def _run(
        self, kind: ImportKind, file: Path, columns: Columns, report: ReportProgress, *, resume: bool
    ) -> AsyncIterator["_Run"]:
        await check_rings(self.postgres, "identity", self.rings)
        lines = await asyncio.to_thread(LineFile, file, columns)
        pool = await create_pool(self.postgres, application=f"identity-import-{kind}", size=2)
        with closing(lines):
            try:
                async with pool.acquire() as guard:
                    if not await imports.lock_kind(guard, kind):
                        raise ImportRunningError
                    try:
                        progress = await begin_import(pool, kind, lines.mark, resume=resume)
                        yield _Run(pool, lines, RejectedLines(file, lines, progress.rejected_bytes), progress, report)
                    finally:
                        with suppress(*TRANSIENT):  # a lost connection holds no lock
                            await imports.unlock_kind(guard, kind)
            finally:
                pool.terminate()


@dataclass(frozen=True)
class _Run:
    pool: Pool
    lines: LineFile
    rejected: RejectedLines
    first_progress: ImportProgress
    report: ReportProgress

    @property
    def mark(self) -> FileIdentity:
        """The identity of the file."""
        return self.lines.mark

    async def read(
        self, prepare: Callable[[LineBatch], PreparedBatch[ContentT]], write: WriteBatch[ContentT]
    ) -> ImportProgress:
        """Reads from the last offset to the end of the file; the next batch is prepared while one is written."""
        progress = self.first_progress
        if progress.step != "reading":
            return progress
        ahead = self._prepare_batch(prepare, progress.offset, progress.lines)
        try:
            while (batch := await ahead).read.count:
                advanced = await self._write_rejected(batch, progress)
                ahead = self._prepare_batch(prepare, advanced.offset, advanced.lines)
                progress = await write(batch.content, progress, advanced)
                self.report(progress, self.mark)
        finally:
            ahead.cancel()
        return progress

    async def apply(self, progress: ImportProgress, complete: CompleteDirectory | None) -> ImportProgress:
        """Applies the stored lines page by page, then retires absent professionals."""
        while True:
            match progress.step:
                case "structures":
                    progress = await apply_structures(self.pool, self.mark, progress, PAGE_ROWS)
                case "professionals":
                    progress = await apply_professionals(self.pool, self.mark, progress, PAGE_ROWS)
                case "absent" if complete:
                    many = complete.however_many
                    progress = await retire_absent(self.pool, self.mark, progress, PAGE_ROWS, however_many=many)
                case _:
                    return progress
            self.report(progress, self.mark)

    def outcome(self, progress: ImportProgress) -> ImportOutcome:
        """Returns the outcome of the import."""
        return ImportOutcome(progress, self.rejected.path, self.first_progress.lines > 0)

    def _prepare_batch(
        self, prepare: Callable[[LineBatch], PreparedBatch[ContentT]], offset: int, lines: int
    ) -> "asyncio.Task[PreparedBatch[ContentT]]":
        def work() -> PreparedBatch[ContentT]:
            return prepare(self.lines.read(offset, lines + 2, BATCH_LINES))  # the header is line 1

        return asyncio.create_task(asyncio.to_thread(work))

    async def _write_rejected(self, batch: PreparedBatch[ContentT], previous: ImportProgress) -> ImportProgress:
        """Stores the rejected lines before they are counted."""
        await asyncio.to_thread(self.rejected.write, batch.rejected)
        return replace(
            previous,
            offset=batch.read.end,
            lines=previous.lines + batch.read.count,
            rejected=previous.rejected + len(batch.rejected),
            rejected_bytes=self.rejected.size,
            unreadable=previous.unreadable + batch.unreadable,
        )
