"""Writes the next professionals of the imported lines to the directory, and announces new and changed ones."""

from dataclasses import replace

from services.identity.directory import store as directory
from services.identity.directory.domain.directory import Professional
from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportProgress, professional_entry
from services.identity.kit.announcements import announce
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append


async def apply_professionals(pool: Pool, file: FileIdentity, previous: ImportProgress, limit: int) -> ImportProgress:
    """Returns the progress; after the last professional the step is `absent`.

    A professional without a known profession becomes inactive, and is not added if not in the directory.
    """
    async with transaction(pool) as connection:
        page = await imports.load_professionals_page(connection, previous.cursor, limit)
        entries = {
            activities.professional_id: entry for activities in page if (entry := professional_entry(activities))
        }
        strangers = [activities.professional_id for activities in page if activities.professional_id not in entries]
        entries |= await _inactive_entries(connection, strangers)
        versions = await directory.put_professionals(connection, entries.values())
        await directory.mark_listed(connection, entries)
        current = replace(
            previous, cursor=page[-1].professional_id if page else "", changed=previous.changed + len(versions)
        )
        if len(page) < limit:
            current = replace(current, step="absent", cursor="")
        await imports.set_progress(connection, "directory", file, previous, current)
        await append(connection, [announce(entries[id].as_event(versions[id])) for id in sorted(versions)])
    return current


async def _inactive_entries(connection: Connection, ids: list[str]) -> dict[str, Professional]:
    entries = await directory.load_professionals(connection, ids) if ids else {}
    return {id: replace(entry, status="inactive") for id, (entry, _) in entries.items()}
