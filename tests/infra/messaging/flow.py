"""The progress of deposits, read from the databases: the times of each step, and whether all are handled."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from deploy.local.platform.stack import Stack
from shared.contracts.records import DocumentPublished

POLL_INTERVAL_S = 0.25
PROGRESS = """
select count(*) as received, count(*) filter (where status = 'published') as published,
       count(*) filter (where status = 'refused') as refused, count(*) filter (where audited_at is not null) as audited,
       count(*) filter (where alert_handled_at is not null) as alerted
from documents where received_at >= $1"""
DOCUMENTS = """
select id, status, received_at, checked_at, settled_at, audited_at, alert_handled_at from documents
where received_at >= $1"""
ENTRIES = "select document_id, recorded_at from ledger_entries where occurred_at >= $1 and event_type = $2"
ALERTS = "select document_id, status, handled_at from alerts where kind = 'document' and caused_at >= $1"


@dataclass(frozen=True)
class Progress:
    """The number of documents that have reached each step."""

    received: int
    published: int
    refused: int
    audited: int
    alerted: int

    def is_complete(self, count: int) -> bool:
        """Returns whether `count` documents are handled (a refused one needs no alert)."""
        return self.audited >= count and self.alerted + self.refused >= count

    def __str__(self) -> str:
        return f"received {self.received}, published {self.published}, audited {self.audited}, alerted {self.alerted}"


@dataclass(frozen=True)
class Journey:
    """The times (Unix seconds) of a document's steps; None for a step that it has not reached."""

    received: float
    decided: float | None
    published: float | None
    audited: float | None
    alerted: float | None
    alert: str | None


class StalledError(Exception):
    """No document has reached a further step for too long."""


async def wait_complete(
    stack: Stack, since: float, count: int, tell: Callable[[str], None], *, patience: float = 60.0, every: float = 2.0
) -> None:
    """Returns when all documents received since then are handled. Raises StalledError after `patience` s without
    progress."""
    connection = await asyncpg.connect(stack.postgres.dsn("records"))
    try:
        last, moved_at, told_at = None, time.monotonic(), time.monotonic()
        while True:
            [row] = await connection.fetch(PROGRESS, _moment(since))
            progress = Progress(**row)
            if progress.is_complete(count):
                return
            if progress != last:
                last, moved_at = progress, time.monotonic()
            if time.monotonic() - moved_at > patience:
                raise StalledError(f"no move for {patience:.0f} s at: {progress} (of {count})")
            if time.monotonic() - told_at > every:
                told_at = time.monotonic()
                tell(str(progress))
            await asyncio.sleep(POLL_INTERVAL_S)
    finally:
        await connection.close()


async def journeys(stack: Stack, since: float) -> dict[UUID, Journey]:
    """Returns the journey of each document received since then."""
    documents, entries, alerts = await asyncio.gather(
        _fetch(stack, "records", DOCUMENTS, _moment(since)),
        _fetch(stack, "audit", ENTRIES, _moment(since), DocumentPublished.ce_type),
        _fetch(stack, "notify", ALERTS, _moment(since)),
    )
    audited = {row["document_id"]: row["recorded_at"] for row in entries}
    alerted = {row["document_id"]: (row["handled_at"], row["status"]) for row in alerts}
    return {
        row["id"]: Journey(
            row["received_at"].timestamp(),
            _seconds(row["checked_at"]),
            _seconds(row["settled_at"]),
            _seconds(audited.get(row["id"])),
            _seconds(alerted.get(row["id"], (None, None))[0]),
            alerted.get(row["id"], (None, None))[1],
        )
        for row in documents
    }


async def _fetch(stack: Stack, database: str, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(stack.postgres.dsn(database))
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at is not None else None
