"""Loops of the worker: creates the ledger's partitions in advance, and opens motives whose key came late."""

import asyncio

from services.audit.ledger.motives import MotiveVault
from services.audit.ledger.store import maintain_partitions
from services.audit.ledger.usecases.open_motives import open_motives
from shared.db.pool import Pool

POLL_INTERVAL_S = 5.0
MAINTENANCE_INTERVAL_S = 3600.0
MAX_SWEEP_S = 20.0


class PartitionMaintainer:
    """Creates partitions once an hour; other rounds only wait."""

    def __init__(self) -> None:
        self._next = 0.0

    async def run_once(self, pool: Pool) -> None:
        """Creates the partitions of the coming months if it is time; then waits."""
        moment = asyncio.get_running_loop().time()
        if moment >= self._next:
            await maintain_partitions(pool)
            self._next = moment + MAINTENANCE_INTERVAL_S
        await asyncio.sleep(POLL_INTERVAL_S)


async def open_late_motives(pool: Pool, *, motives: MotiveVault) -> None:
    """A loop of the worker: opens one page of motives after another. Returns after `MAX_SWEEP_S` at the latest, so that
    the loop reports progress."""
    deadline = asyncio.get_running_loop().time() + MAX_SWEEP_S
    while await open_motives(pool, motives):
        if asyncio.get_running_loop().time() > deadline:
            return
    await asyncio.sleep(POLL_INTERVAL_S)
