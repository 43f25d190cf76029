"""Links between two records of one person, written and locked on both sides."""

from uuid import UUID

from services.identity.lifecycle.store.lifecycle import LifecycleRecord, load_lifecycle_record
from services.identity.relations.store.representations import lock_records
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SET_LINK = "update records set linked_to = $3, version = $4 where bucket = $1 and id = $2"


async def set_link(connection: Connection, record_id: UUID, other: UUID | None, version: int) -> None:
    """Stores the linked record at this version; None: no link."""
    await connection.execute(SET_LINK, bucket_of(record_id), record_id, other, version)


async def lock_pair(connection: Connection, first: UUID, second: UUID) -> list[LifecycleRecord]:
    """Returns the existing records among the two, in the given order. They are locked in the order of ids until the
    transaction ends."""
    await lock_records(connection, [first, second])
    pair = [await load_lifecycle_record(connection, record, lock=False) for record in (first, second)]
    return [record for record in pair if record is not None]


async def lock_linked(connection: Connection, record_id: UUID) -> list[LifecycleRecord]:
    """Returns a record and the one linked to it, both locked in order; empty if there is none.

    The link can change until both records are locked. In that case the locks are released and the link is read again:
    locks kept meanwhile would be out of order, and two transactions waiting for each other would both fail.
    """
    while True:
        unlocked = await load_lifecycle_record(connection, record_id, lock=False)
        if unlocked is None:
            return []
        locks = connection.transaction()
        await locks.start()
        pair = await lock_pair(connection, record_id, unlocked.linked_to or record_id)
        if not pair or pair[0].linked_to == unlocked.linked_to:
            await locks.commit()
            return pair[:1] if unlocked.linked_to is None else pair
        await locks.rollback()
