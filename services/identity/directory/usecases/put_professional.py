"""Creates or changes a professional's entry in the directory."""

from services.identity.directory import store as directory
from services.identity.directory.domain.directory import Professional, StructureUnknownError
from services.identity.kit.announcements import announce
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append


async def put_professional(pool: Pool, entry: Professional) -> int:
    """Returns the current version; an identical entry changes and announces nothing.

    Raises StructureUnknownError.
    """
    async with transaction(pool) as connection:
        if len(await directory.load_structures(connection, entry.structure_ids)) < len(entry.structure_ids):
            raise StructureUnknownError
        version = (await directory.put_professionals(connection, [entry])).get(entry.id)
        if version is None:
            existing = await directory.load_professional(connection, entry.id)
            assert existing is not None, "the entry was there a statement ago"
            return existing[1]
        await append(connection, [announce(entry.as_event(version))])
    return version
