"""Two records of one person name each other: the link, written and locked on both sides."""

from uuid import UUID

from services.identity.store.lifecycle import LifecycleRecord, load_lifecycle_record
from services.identity.store.representations import lock_records
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SET_LINK = "update records set linked_to = $3, version = $4 where bucket = $1 and id = $2"


async def set_link(connection: Connection, record_id: UUID, other: UUID | None, version: int) -> None:
    """Names the other record at this version; None: there is none any more."""
    await connection.execute(SET_LINK, bucket_of(record_id), record_id, other, version)


SELECT_LINKED = "select linked_to from records where bucket = $1 and id = $2"


async def load_records_of_person(connection: Connection, record_id: UUID) -> list[UUID]:
    """The ids of this record and of the one that is linked with it: both are of one person. This record comes first."""
    other: UUID | None = await connection.fetchval(SELECT_LINKED, bucket_of(record_id), record_id)
    return [record_id] if other is None else [record_id, other]


async def lock_pair(connection: Connection, first: UUID, second: UUID) -> list[LifecycleRecord]:
    """Those of two records that exist, in the order given, locked in their own until the transaction ends."""
    await lock_records(connection, [first, second])
    pair = [await load_lifecycle_record(connection, record, lock=False) for record in (first, second)]
    return [record for record in pair if record is not None]


async def lock_linked(connection: Connection, record_id: UUID) -> list[LifecycleRecord]:
    """A record and, behind it, the one that it is linked to, locked in order; empty where there is none.

    Which one that is can change until both are locked: then the locks are given back, and it is looked at again. Locks
    that were kept meanwhile would be out of order, and two who wait for each other would both be refused.
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
