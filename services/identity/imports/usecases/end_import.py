"""Marks the import of a file as done."""

from dataclasses import replace

from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportKind, ImportProgress
from shared.db.pool import Pool, transaction


async def end_import(pool: Pool, kind: ImportKind, file: FileIdentity, previous: ImportProgress) -> ImportProgress:
    """Returns the final progress. The counts stay; the stored lines are deleted."""
    async with transaction(pool) as connection:
        if kind == "directory":
            await imports.clear_lines(connection)
        current = replace(previous, step="done", cursor="")
        await imports.set_progress(connection, kind, file, previous, current)
    return current
