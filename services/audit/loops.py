"""The ledger's own loops: months to come have their partition before their first entry; late keys open motives."""

import asyncio

from services.audit import store
from services.audit.motives import Motives
from services.audit.usecases.open_motives import open_motives
from shared.db.pool import Pool

POLL_INTERVAL_S = 5.0
KEEP_EVERY_S = 3600.0
LONGEST_SWEEP_S = 20.0


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
        await asyncio.sleep(POLL_INTERVAL_S)


async def open_late_motives(pool: Pool, *, motives: Motives) -> None:
    """Page after page while they are full; returns in time to show that the loop is alive. A loop of the worker."""
    until = asyncio.get_running_loop().time() + LONGEST_SWEEP_S
    while await open_motives(pool, motives):
        if asyncio.get_running_loop().time() > until:
            return
    await asyncio.sleep(POLL_INTERVAL_S)
