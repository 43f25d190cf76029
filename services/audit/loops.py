"""The ledger's own loop: months to come have their partition before their first entry."""

import asyncio

from services.audit import store
from shared.db.pool import Pool

LOOK_EVERY_S = 5.0
KEEP_EVERY_S = 3600.0


class PartitionKeeper:
    """Makes partitions once an hour; in between a round is a short wait."""

    def __init__(self) -> None:
        self._next = 0.0

    async def keep(self, pool: Pool) -> None:
        """One round."""
        moment = asyncio.get_running_loop().time()
        if moment >= self._next:
            await store.maintain_partitions(pool)
            self._next = moment + KEEP_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
