"""Reads the state of a record, for the software that opened it and for its holder."""

from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.people.domain.new_person import RecordState, RecordUnknownError
from services.identity.people.store import records
from shared.db.pool import Pool


async def read_record(pool: Pool, record_id: UUID, session_id: UUID | None = None) -> RecordState:
    """Returns the state. `session_id`: of a holder. Raises SessionOverError, RecordUnknownError."""
    async with pool.acquire() as connection:
        await check_session(connection, session_id)
        state = await records.load_record(connection, record_id)
    if state is None:
        raise RecordUnknownError
    return state
