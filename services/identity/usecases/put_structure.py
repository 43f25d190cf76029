"""Enters a structure in the directory, or changes the entry."""

from services.identity.domain.directory import Structure
from services.identity.store import directory
from shared.contracts.identity import StructureChanged
from shared.db.pool import Pool, transaction
from shared.outbox import announce, append


async def put_structure(pool: Pool, entry: Structure) -> int:
    """Returns the version that stands; the same entry again changes and announces nothing."""
    async with transaction(pool) as connection:
        version = await directory.put_structure(connection, entry)
        if version is None:
            return (await directory.load_structures(connection, [entry.id]))[entry.id][1]
        changed = StructureChanged(structure_id=entry.id, version=version, name=entry.name, status=entry.status)
        await append(connection, [announce(changed)])
    return version
