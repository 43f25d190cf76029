"""What loading any table about medicines has in common: one run at a time, batches, and one version in use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar
from uuid import UUID

from services.records.medicines.adapters.text_files import TextLine
from services.records.medicines.domain.public_files import MedicineLineError
from services.records.medicines.domain.table_loads import (
    Edition,
    FileCounts,
    LoadOutcome,
    TableKind,
    TableLoadingError,
    TableRejectedError,
)
from services.records.medicines.store import tables as store
from shared.db.pool import TRANSIENT, Connection, Pool, create_pool, transaction
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings

BATCH_LINES: Final = 5000
_Line = TypeVar("_Line")
Report = Callable[[str, FileCounts], None]
"""Takes the name of a file and its lines so far, after each batch."""


@dataclass(frozen=True, slots=True)
class TableFile(Generic[_Line]):
    """A file of a table: its name, its lines, how one is read, and how a batch is stored."""

    name: str
    lines: Iterator[TextLine]
    parse: Callable[[str], _Line]
    store: Callable[[Connection, UUID, Sequence[tuple[int, _Line]]], Awaitable[None]]


@asynccontextmanager
async def loading(postgres: PostgresSettings, kind: TableKind) -> AsyncIterator[Pool]:
    """Yields a pool while no other run loads a table of this kind. Raises TableLoadingError."""
    pool = await create_pool(postgres, application=f"records-import-{kind}", size=2)
    try:
        async with pool.acquire() as guard:
            if not await store.lock_kind(guard, kind):
                raise TableLoadingError
            try:
                yield pool
            finally:
                with suppress(*TRANSIENT):  # a lost connection holds no lock
                    await store.unlock_kind(guard, kind)
    finally:
        pool.terminate()


async def load_table(
    pool: Pool, kind: TableKind, edition: Edition, digest: bytes, sources: Sequence[TableFile[_Line]], report: Report
) -> LoadOutcome:
    """Loads a version batch by batch and then puts it to use; the same files again change nothing.

    Raises TableRejectedError, OSError.
    """
    async with pool.acquire() as connection:
        in_use = await store.load_in_use(connection, kind)
    if in_use is not None and (in_use.digest, in_use.source, in_use.dated_on) == (
        digest,
        edition.source,
        edition.dated_on,
    ):
        return LoadOutcome(was_in_use=True)
    table_id = clock.new_id()
    async with transaction(pool) as connection:
        await store.begin_table(connection, table_id, kind, edition, digest, clock.now())
    counts = {source.name: await _load_file(pool, table_id, source, report) for source in sources}
    if not all(each.is_acceptable for each in counts.values()):
        raise TableRejectedError(_summary(counts))
    async with transaction(pool) as connection:
        await store.use_table(connection, table_id, kind, counts, clock.now())
    async with transaction(pool) as connection:
        await store.delete_released(connection, kind)
    return LoadOutcome(counts)


async def _load_file(pool: Pool, table_id: UUID, source: TableFile[_Line], report: Report) -> FileCounts:
    counts = FileCounts()
    while batch := await asyncio.to_thread(lambda: list(islice(source.lines, BATCH_LINES))):
        taken, rejected = await asyncio.to_thread(_parse, source, batch)
        async with transaction(pool) as connection:
            if taken:
                await source.store(connection, table_id, taken)
            await store.insert_rejected(connection, table_id, source.name, rejected)
        counts = FileCounts(counts.taken + len(taken), counts.rejected + len(rejected))
        report(source.name, counts)
    return counts


def _parse(
    source: TableFile[_Line], batch: Sequence[TextLine]
) -> tuple[list[tuple[int, _Line]], list[tuple[int, str]]]:
    taken, rejected = [], []
    for line in batch:
        if line.reason is not None:
            rejected.append((line.number, line.reason))
            continue
        try:
            taken.append((line.number, source.parse(line.text)))
        except MedicineLineError as error:
            rejected.append((line.number, error.reason))
    return taken, rejected


def _summary(counts: dict[str, FileCounts]) -> str:
    files = [f"{name}: {each.taken} taken, {each.rejected} rejected" for name, each in counts.items()]
    return f"{TableRejectedError.__doc__} {'; '.join(files)}"
