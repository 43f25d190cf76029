"""Makes the next professionals inactive who are in no line of a complete extraction, and announces it.

Who was entered by hand and never came with a file stays."""

from dataclasses import replace

from services.identity.announcements import announce
from services.identity.domain.imports import AbsenceImplausibleError, FileMark, Progress, is_plausible
from services.identity.store import directory, directory_lines, imports
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def retire_absent(pool: Pool, file: FileMark, was: Progress, limit: int, *, however_many: bool) -> Progress:
    """How far it has come. Raises AbsenceImplausibleError, before the first, unless `however_many`."""
    async with transaction(pool) as connection:
        if not was.cursor and not however_many and not is_plausible(*await directory_lines.count_absent(connection)):
            raise AbsenceImplausibleError
        page = await directory_lines.page_of_absent(connection, was.cursor, limit)
        entries = {one.id: replace(one, status="inactive") for one in page}
        versions = await directory.put_professionals(connection, entries.values())
        now = replace(was, cursor=max(entries, default=""), changed=was.changed + len(versions))
        if len(page) < limit:
            now = replace(now, step="done", cursor="")
        await imports.set_progress(connection, "directory", file, was, now)
        await append(connection, [announce(entries[id].changed(versions[id])) for id in sorted(versions)])
    return now
