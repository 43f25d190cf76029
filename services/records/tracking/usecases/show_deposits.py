"""Shows depositors the progress of their deposits."""

from datetime import datetime
from uuid import UUID

from services.records.tracking import store
from services.records.tracking.store import DepositPage
from shared.db.pool import Pool

FIRST_ID = UUID(int=0)
_LATEST_MILLISECOND = (1 << 48) - 1


async def show_deposits(pool: Pool, organisation_id: str, since: datetime, *, after: UUID, limit: int) -> DepositPage:
    """Returns a page of the owner's deposits, received at `since` or later."""
    async with pool.acquire() as connection:
        return await store.list_deposits(connection, organisation_id, since=_first_id(since), after=after, limit=limit)


def _first_id(moment: datetime) -> UUID:
    """Returns the smallest id of that millisecond: ids sort by time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=min(max(milliseconds, 0), _LATEST_MILLISECOND) << 80)
