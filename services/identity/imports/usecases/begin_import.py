"""Begins the import of a file, or resumes it after its last committed batch."""

from services.identity.imports import store as imports
from services.identity.imports.domain import FileIdentity, ImportKind, ImportProgress
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def begin_import(pool: Pool, kind: ImportKind, file: FileIdentity, *, resume: bool) -> ImportProgress:
    """Returns with `resume` the stored progress through this file, if any; otherwise its beginning."""
    async with transaction(pool) as connection:
        progress = await imports.load_import(connection, kind, file) if resume else None
        if progress is not None:
            return progress
        fresh = ImportProgress(clock.now())
        await imports.reset_import(connection, kind, file, fresh)
        if kind == "directory":
            await imports.clear_lines(connection)
    return fresh
