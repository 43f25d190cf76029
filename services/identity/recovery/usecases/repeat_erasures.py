"""Erases again, after a restore, whom the newest export names: backup and topic may both be older than an erasure."""

from pathlib import Path

from services.identity.erasure.steps.destruction import erase_again
from services.identity.erasure.store import end_all_sessions
from services.identity.kit.unit_of_work import Storage
from services.identity.recovery import store
from services.identity.recovery.adapters import newest_export, read_export
from shared.contracts.base import Actor
from shared.contracts.identity import RecordErased
from shared.messaging.outbox import append
from shared.messaging.outbox.operator_entries import entry_of_act
from shared.runtime import clock


async def repeat_erasures(storage: Storage, folder: Path | None, operator: Actor) -> int:
    """Erases whom the newest file in the folder names and this database does not know as erased.

    Each erasure and the entry of the operator who repeats it are one transaction. Returns how many there were. Raises
    ExportInvalidError, OSError.
    """
    file = None if folder is None else newest_export(folder)
    if file is None:
        return 0
    count = 0
    for page in read_export(file):
        async with storage.transaction() as work:
            unknown = await store.unknown_among(work.connection, page)
        for event in unknown:
            count += await _repeat(storage, event, operator)
    return count


async def _repeat(storage: Storage, event: RecordErased, operator: Actor) -> int:
    """Returns 1; 0 if another process has erased the record meanwhile."""
    async with storage.transaction() as work:
        announcements = await erase_again(work, event)
        if not announcements:
            return 0
        entry = entry_of_act("identity", operator, "repeat-erasure", str(event.record_id))
        await append(work.connection, [*announcements, entry])
    return 1


async def end_sessions(storage: Storage) -> None:
    """Ends all sessions, because an end may be lost with the topics."""
    async with storage.transaction() as work:
        await end_all_sessions(work.connection, clock.now())
