"""Worker loops about representatives, carers and deaths."""

import asyncio

from services.identity.domain.sealed_rows import Keyrings
from services.identity.usecases.sweep_deaths import sweep_deaths
from services.identity.usecases.sweep_invitations import sweep_invitations
from services.identity.usecases.sweep_minors import sweep_minors
from services.identity.usecases.sweep_representations import sweep_representations
from shared.db.pool import Pool
from shared.runtime import clock
from shared.service.worker import Loop

POLL_INTERVAL_S = 10.0


def relation_loops(keyrings: Keyrings) -> dict[str, Loop]:
    """Returns the loops by name. They can be interrupted at any point: each record is one transaction."""

    async def minors(pool: Pool) -> None:
        if not await sweep_minors(pool, keyrings, clock.now()):
            await asyncio.sleep(POLL_INTERVAL_S)

    async def representations(pool: Pool) -> None:
        if not await sweep_representations(pool, keyrings, clock.now()):
            await asyncio.sleep(POLL_INTERVAL_S)

    async def invitations(pool: Pool) -> None:
        if not await sweep_invitations(pool, clock.now()):
            await asyncio.sleep(POLL_INTERVAL_S)

    async def deaths(pool: Pool) -> None:
        if not await sweep_deaths(pool, keyrings, clock.now()):
            await asyncio.sleep(POLL_INTERVAL_S)

    return {
        "sweep-deaths": deaths,
        "sweep-minors": minors,
        "sweep-representations": representations,
        "sweep-invitations": invitations,
    }
