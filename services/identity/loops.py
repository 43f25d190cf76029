"""Loops of identity's worker."""

import asyncio
from datetime import timedelta
from uuid import UUID

from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealing import Keyrings
from services.identity.store import challenges, clients, professional_sessions, sessions, throttles
from services.identity.usecases.sweep_retention import sweep_retention
from services.identity.usecases.watch_erasures import watch_erasures
from shared import clock
from shared.db.pool import Connection, Pool
from shared.erasing import Finisher
from shared.worker import Loop

SWEEP_EVERY_S = 10.0
KEPT_UNANSWERED = timedelta(hours=1)
KEPT_UNTRIED = timedelta(days=2)


async def sweep_assertions(pool: Pool) -> None:
    """Forgets used assertions that have expired."""
    async with pool.acquire() as connection:
        await clients.sweep_assertions(connection, clock.now())
    await asyncio.sleep(SWEEP_EVERY_S)


def erasure_loops(keyrings: Keyrings, retention: Retention) -> dict[str, Loop]:
    """Erases what was closed long enough ago, acknowledges, and looks for acknowledgements that do not come."""

    async def sweep(pool: Pool) -> None:
        if not await sweep_retention(pool, keyrings, retention, clock.now()):
            await asyncio.sleep(SWEEP_EVERY_S)

    async def watch(pool: Pool) -> None:
        await watch_erasures(pool, retention, clock.now())
        await asyncio.sleep(SWEEP_EVERY_S)

    finisher = Finisher("identity", _nothing_left)
    return {"sweep-retention": sweep, "finish-erasures": finisher.round, "watch-erasures": watch}


async def _nothing_left(_: Connection, __: UUID) -> dict[str, int]:
    """Identity destroys everything of a record in the transaction that begins its erasure."""
    return {}


async def sweep_sign_ins(pool: Pool) -> None:
    """Forgets sign-ins and sessions of professionals that are over."""
    async with pool.acquire() as connection:
        await professional_sessions.sweep(connection, clock.now())
    await asyncio.sleep(SWEEP_EVERY_S)


async def sweep_accounts(pool: Pool) -> None:
    """Forgets codes, sessions and counts of tries that have run out."""
    now = clock.now()
    async with pool.acquire() as connection:
        await challenges.sweep_challenges(connection, now - KEPT_UNANSWERED)
        await sessions.sweep_sessions(connection, now)
        await throttles.sweep_throttles(connection, now - KEPT_UNTRIED)
    await asyncio.sleep(SWEEP_EVERY_S)
