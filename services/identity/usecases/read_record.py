"""The state of one record, for whoever opened it and for its holder."""

from uuid import UUID

from services.identity.domain.opening import RecordState, RecordUnknownError
from services.identity.store import records
from shared.db.pool import Pool


async def read_record(pool: Pool, record_id: UUID) -> RecordState:
    """Raises RecordUnknownError."""
    async with pool.acquire() as connection:
        found = await records.load_record(connection, record_id)
    if found is None:
        raise RecordUnknownError
    return found
