"""Writes the ids of all erased records into a file outside the backups."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from prometheus_client import Gauge

from services.identity.recovery import store
from services.identity.recovery.adapters import ErasureExport, delete_old_exports, newest_export, read_export
from services.identity.recovery.steps import recorded_erasure
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Pool
from shared.runtime.clock import bucket_in

EXPORTED_AT = Gauge(
    "identity_erasures_exported_timestamp_seconds",
    "When the ids of erased records were last exported; 0: never, without a folder.",
)


@dataclass(frozen=True, slots=True)
class ExportRules:
    """`folder`: where files are written; `every_s`: seconds between two; `kept`: how many stay."""

    folder: Path
    every_s: float
    kept: int


async def export_erasures(pool: Pool, rules: ExportRules, now: datetime) -> int:
    """Writes a new file and deletes the oldest ones. Returns the number of erasures.

    It also names whom the newest file names and this database does not know as erased: a restored database exports
    before it has learnt from that file. Raises ExportInvalidError if that file is cut off, OSError.
    """
    former = newest_export(rules.folder)
    export = ErasureExport(rules.folder, now)
    after: tuple[int, UUID] = BEFORE_ALL
    try:
        while True:
            async with pool.acquire() as connection:
                page = await store.page_erasures(connection, after)
            if not page:
                break
            export.add([recorded_erasure(erasure) for erasure in page])
            after = bucket_in(page[-1].id), page[-1].id
        for events in read_export(former) if former is not None else ():
            async with pool.acquire() as connection:
                unknown = await store.unknown_among(connection, events)
            export.add(unknown)
        count = export.finish()
    except BaseException:
        export.abandon()
        raise
    delete_old_exports(rules.folder, rules.kept)
    EXPORTED_AT.set(now.timestamp())
    return count


def watch_exports(rules: ExportRules, now: datetime) -> None:
    """Lets the age of the newest file count from this process's start on; that of none begins now. Raises OSError."""
    newest = newest_export(rules.folder)
    EXPORTED_AT.set(now.timestamp() if newest is None else newest.stat().st_mtime)
