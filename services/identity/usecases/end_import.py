"""Ends the import of a file: nothing of it is left to do."""

from dataclasses import replace

from services.identity.domain.imports import FileMark, Kind, Progress
from services.identity.store import directory_lines, imports
from shared.db.pool import Pool, transaction


async def end_import(pool: Pool, kind: Kind, file: FileMark, was: Progress) -> Progress:
    """The counts stay; the lines that were kept do not."""
    async with transaction(pool) as connection:
        if kind == "directory":
            await directory_lines.clear(connection)
        now = replace(was, step="done", cursor="")
        await imports.set_progress(connection, kind, file, was, now)
    return now
