"""Stores a batch of the directory's lines and the progress through the file. The directory itself does not change
yet."""

from collections.abc import Sequence

from services.identity.imports import store as imports
from services.identity.imports.domain import ActivityLine, FileIdentity, ImportProgress
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
        await imports.insert_lines(connection, activities)
        await imports.set_progress(connection, "directory", file, previous, current)
    return current
