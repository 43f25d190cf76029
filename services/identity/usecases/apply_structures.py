"""Enters the next structures of the imported lines in the directory, and announces those that are new or changed."""

from dataclasses import replace

from services.identity.announcements import announce
from services.identity.domain.directory import Structure
from services.identity.domain.imports import FileMark, Progress
from services.identity.store import directory, directory_lines, imports
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def apply_structures(pool: Pool, file: FileMark, was: Progress, limit: int) -> Progress:
    """How far it has come; after the last structure comes the step of the professionals."""
    async with transaction(pool) as connection:
        page = await directory_lines.page_of_structures(connection, was.cursor, limit)
        known = await directory.load_structures(connection, list(page))
        entries = {id: Structure(id, name or _known_name(known, id), "active") for id, name in page.items()}
        versions = await directory.put_structures(connection, entries.values())
        now = replace(was, cursor=max(page, default=""), changed=was.changed + len(versions))
        if len(page) < limit:
            now = replace(now, step="professionals", cursor="")
        await imports.set_progress(connection, "directory", file, was, now)
        await append(connection, [announce(entries[id].changed(versions[id])) for id in sorted(versions)])
    return now


def _known_name(known: dict[str, tuple[Structure, int]], id: str) -> str:
    """What stands, or the number of a structure that has no name."""
    return known[id][0].name if id in known else id
