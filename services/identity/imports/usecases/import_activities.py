"""Stores a batch of the directory's lines and the progress through the file. The directory itself does not change
yet."""

from collections.abc import Sequence

from services.identity.imports.domain.extraction import ActivityLine
from services.identity.imports.domain.imports import FileIdentity, ImportProgress
from services.identity.imports.store import directory_lines, imports
from shared.db.pool import Pool, transaction


async def import_activities(
    pool: Pool,
    file: FileIdentity,
    activities: Sequence[ActivityLine],
    previous: ImportProgress,
    current: ImportProgress,
) -> ImportProgress:
    """Returns `current`. Raises ImportOvertakenError."""
    async with transaction(pool) as connection:
        await directory_lines.insert_lines(connection, activities)
        await imports.set_progress(connection, "directory", file, previous, current)
    return current
