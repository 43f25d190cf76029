"""Shows depositors the progress of one deposit."""

from uuid import UUID

from services.records.tracking import store
from services.records.tracking.store import TrackedDeposit
from shared.db.pool import Pool


async def show_deposit(pool: Pool, organisation_id: str, deposit_id: UUID) -> TrackedDeposit | None:
    """Returns one of the owner's deposits; None when it is another's or does not exist."""
    async with pool.acquire() as connection:
        return await store.find_deposit(connection, organisation_id, deposit_id)
