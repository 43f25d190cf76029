"""A person looks at the own choices."""

from uuid import UUID

from services.consent import store
from services.consent.domain import RecordNotReadyError, State
from shared.db.pool import Pool
from shared.erasing import erased_among
from shared.errors import NotFoundError


async def see_choices(pool: Pool, record_id: UUID) -> State:
    """The present state. Raises NotFoundError where the record was erased, RecordNotReadyError."""
    async with pool.acquire() as connection:
        state = await store.find_state(connection, record_id)
        if state is None:
            raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
        return state
