"""Makes the next professionals inactive who have no line in a complete extraction, and announces it.

Professionals entered by hand who never came with a file stay active.
"""

from dataclasses import replace

from services.identity.directory import store as directory
from services.identity.imports import store as imports
from services.identity.imports.domain import AbsenceImplausibleError, FileIdentity, ImportProgress, is_plausible_absence
from services.identity.kit.announcements import announce
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def retire_absent(
    pool: Pool, file: FileIdentity, previous: ImportProgress, limit: int, *, however_many: bool
) -> ImportProgress:
    """Returns the progress. Raises AbsenceImplausibleError before the first page, unless `however_many`."""
    async with transaction(pool) as connection:
        if (
            not previous.cursor
            and not however_many
            and not is_plausible_absence(*await imports.count_absent(connection))
        ):
            raise AbsenceImplausibleError
        page = await imports.load_absent_page(connection, previous.cursor, limit)
        entries = {professional.id: replace(professional, status="inactive") for professional in page}
        versions = await directory.put_professionals(connection, entries.values())
        current = replace(previous, cursor=max(entries, default=""), changed=previous.changed + len(versions))
        if len(page) < limit:
            current = replace(current, step="done", cursor="")
        await imports.set_progress(connection, "directory", file, previous, current)
        await append(connection, [announce(entries[id].as_event(versions[id])) for id in sorted(versions)])
    return current
