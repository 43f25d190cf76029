"""Returns the preferences of a person: which kinds of alerts are switched on."""

from uuid import UUID

from services.notify.preferences import store
from services.notify.preferences.domain import Preferences
from shared.db.pool import Pool
from shared.erasure.erased_records import erased_among
from shared.errors import NotFoundError
from shared.http.tokens import Caller


async def show_preferences(pool: Pool, caller: Caller, record_id: UUID) -> Preferences:
    """Returns the preferences of the caller's own record.

    Raises NotFoundError for a record that is not the caller's or was erased.
    """
    if caller.kind != "patient" or caller.record_id != record_id:
        raise NotFoundError
    async with pool.acquire() as connection:
        if await erased_among(connection, [record_id]):
            raise NotFoundError
        return await store.find_preferences(connection, record_id)
