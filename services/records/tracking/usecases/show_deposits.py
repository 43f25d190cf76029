"""Shows depositors the progress of their deposits."""

from datetime import datetime
from uuid import UUID

from services.records.tracking import store
from services.records.tracking.store import DepositPage
from shared.db.pool import Pool
from shared.runtime import clock

FIRST_ID = UUID(int=0)


async def show_deposits(pool: Pool, organisation_id: str, since: datetime, *, after: UUID, limit: int) -> DepositPage:
    """Returns a page of the owner's deposits, received at `since` or later."""
    async with pool.acquire() as connection:
        return await store.list_deposits(
            connection, organisation_id, since=clock.first_id_at(since), after=after, limit=limit
        )
