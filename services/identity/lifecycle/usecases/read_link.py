"""Reads a record and the linked one, to show how far the last change of both has come."""

from uuid import UUID

from services.identity.people.domain.new_person import RecordState, RecordUnknownError
from services.identity.people.store import records
from shared.db.pool import Pool


async def read_link(pool: Pool, record_id: UUID, other: UUID | None = None) -> tuple[RecordState, ...]:
    """Returns the states. `other`: the second record; None: the currently linked one. Raises RecordUnknownError."""
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
