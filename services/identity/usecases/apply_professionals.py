"""Enters the next professionals of the imported lines in the directory, and announces those that are new or changed."""

from dataclasses import replace

from services.identity.announcements import announce
from services.identity.domain.directory import Professional
from services.identity.domain.extraction import entry_of
from services.identity.domain.imports import FileMark, Progress
from services.identity.store import directory, directory_lines, imports
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append


async def apply_professionals(pool: Pool, file: FileMark, was: Progress, limit: int) -> Progress:
    """How far it has come; after the last professional comes the step of those who are absent.

    Whose profession is none that is known here is inactive from now on, and is not entered if they are not there.
    """
    async with transaction(pool) as connection:
        page = await directory_lines.page_of_professionals(connection, was.cursor, limit)
        entries = {told.professional_id: entry for told in page if (entry := entry_of(told))}
        strangers = [told.professional_id for told in page if told.professional_id not in entries]
        entries |= await _retired(connection, strangers)
        versions = await directory.put_professionals(connection, entries.values())
        await directory.mark_listed(connection, entries)
        now = replace(was, cursor=page[-1].professional_id if page else "", changed=was.changed + len(versions))
        if len(page) < limit:
            now = replace(now, step="absent", cursor="")
        await imports.set_progress(connection, "directory", file, was, now)
        await append(connection, [announce(entries[id].changed(versions[id])) for id in sorted(versions)])
    return now


async def _retired(connection: Connection, ids: list[str]) -> dict[str, Professional]:
    known = await directory.load_professionals(connection, ids) if ids else {}
    return {id: replace(entry, status="inactive") for id, (entry, _) in known.items()}
