"""Finds the names of professionals and structures whose identifiers stand in a patient's choices."""

from collections.abc import Iterable, Mapping

from services.consent.directory import store
from services.consent.directory.domain import DirectoryResult
from shared.db.pool import Pool


async def find_names(pool: Pool, ids: Iterable[str]) -> Mapping[str, DirectoryResult]:
    """Returns the directory's entries by id, inactive ones too; unknown ids are left out. What it holds is public."""
    async with pool.acquire() as connection:
        return await store.find_results(connection, ids)
