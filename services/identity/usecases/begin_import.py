"""Begins the import of a file, or takes it up where its last committed batch ended."""

from services.identity.domain.imports import FileMark, Kind, Progress
from services.identity.store import directory_lines, imports
from shared.db.pool import Pool, transaction
from shared.runtime import clock


async def begin_import(pool: Pool, kind: Kind, file: FileMark, *, resume: bool) -> Progress:
    """With `resume`, how far this very file has come, if it was begun; otherwise its beginning."""
    async with transaction(pool) as connection:
        known = await imports.load_import(connection, kind, file) if resume else None
        if known is not None:
            return known
        fresh = Progress(clock.now())
        await imports.reset_import(connection, kind, file, fresh)
        if kind == "directory":
            await directory_lines.clear(connection)
    return fresh
