"""Creates or changes a structure's entry in the directory."""

from services.identity.directory import store as directory
from services.identity.directory.domain.directory import Structure
from services.identity.kit.announcements import announce
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def put_structure(pool: Pool, entry: Structure) -> int:
    """Returns the current version; an identical entry changes and announces nothing."""
    async with transaction(pool) as connection:
        version = (await directory.put_structures(connection, [entry])).get(entry.id)
        if version is None:
            return (await directory.load_structures(connection, [entry.id]))[entry.id][1]
        await append(connection, [announce(entry.as_event(version))])
    return version
