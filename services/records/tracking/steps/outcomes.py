"""Waits for the outcome of a deposit."""

from uuid import UUID

from services.records.tracking import store
from services.records.tracking.store import TrackedDeposit
from shared.db.pool import Pool
from shared.http.prefer import wait_for


async def wait_for_outcome(pool: Pool, owner: str, deposit_id: UUID, seconds: float) -> TrackedDeposit | None:
    """Returns the progress of the deposit once it is published or refused, or after `seconds`."""

    async def find_deposit() -> TrackedDeposit | None:
        async with pool.acquire() as connection:
            return await store.find_deposit(connection, owner, deposit_id)

    return await wait_for(find_deposit, lambda tracked: tracked is not None and tracked.is_decided, seconds)
