"""A record and the one that it is linked to, or is asked about with: how far the last change of both is."""

from uuid import UUID

from services.identity.domain.opening import RecordState, RecordUnknownError
from services.identity.store import records
from shared.db.pool import Pool


async def read_link(pool: Pool, record_id: UUID, other: UUID | None = None) -> tuple[RecordState, ...]:
    """`other` None: whichever it names now. Raises RecordUnknownError."""
    async with pool.acquire() as connection:
        first = await records.load_record(connection, record_id)
        if first is None:
            raise RecordUnknownError
        other = other or first.linked_to
        if other is None:
            return (first,)
        second = await records.load_record(connection, other)
    if second is None:
        raise RecordUnknownError
    return first, second
