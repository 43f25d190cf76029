"""Writes the next structures of the imported lines to the directory, and announces new and changed ones."""

from dataclasses import replace

from services.identity.directory import store as directory
from services.identity.directory.domain.directory import Structure
from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportProgress
from services.identity.kit.announcements import announce
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def apply_structures(pool: Pool, file: FileIdentity, previous: ImportProgress, limit: int) -> ImportProgress:
    """Returns the progress; after the last structure the step is `professionals`."""
    async with transaction(pool) as connection:
        page = await imports.load_structures_page(connection, previous.cursor, limit)
        existing = await directory.load_structures(connection, list(page))
        entries = {id: Structure(id, name or _existing_name(existing, id), "active") for id, name in page.items()}
        versions = await directory.put_structures(connection, entries.values())
        current = replace(previous, cursor=max(page, default=""), changed=previous.changed + len(versions))
        if len(page) < limit:
            current = replace(current, step="professionals", cursor="")
        await imports.set_progress(connection, "directory", file, previous, current)
        await append(connection, [announce(entries[id].as_event(versions[id])) for id in sorted(versions)])
    return current


def _existing_name(existing: dict[str, tuple[Structure, int]], id: str) -> str:
    """Returns the stored name, or the number of a structure without a name."""
    return existing[id][0].name if id in existing else id
