"""A person looks at the own choices."""

from uuid import UUID

from services.consent import store
from services.consent.domain import RecordNotReadyError, State
from shared.db.pool import Pool


async def see_choices(pool: Pool, record_id: UUID) -> State:
    """The present state. Raises RecordNotReadyError."""
    state = await store.find_state(pool, record_id)
    if state is None:
        raise RecordNotReadyError
    return state
