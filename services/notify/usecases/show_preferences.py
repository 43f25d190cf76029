"""Shows a person which kinds of alerts are switched on."""

from uuid import UUID

from services.notify import store
from services.notify.domain import Preferences
from shared.db.pool import Pool
from shared.errors import NotFoundError
from shared.http.tokens import Caller


async def show_preferences(pool: Pool, caller: Caller, record_id: UUID) -> Preferences:
    """Of one's own record. Raises NotFoundError for any other."""
    if caller.kind != "patient" or caller.record_id != record_id:
        raise NotFoundError
    async with pool.acquire() as connection:
        return await store.find_preferences(connection, record_id)
