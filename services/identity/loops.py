"""Periodic loops of identity's worker."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealed_rows import Keyrings
from services.identity.store import challenges, clients, professional_sessions, sessions, throttles
from services.identity.usecases.sweep_retention import sweep_retention
from services.identity.usecases.watch_erasures import watch_erasures
from shared.db.pool import Connection, Pool
from shared.db.sweep import sweep
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from shared.service.worker import Loop

SWEEP_EVERY_S = 10.0
CHALLENGE_RETENTION = timedelta(hours=1)
THROTTLE_RETENTION = timedelta(days=2)


async def sweep_assertions(pool: Pool) -> None:
    """Deletes used assertions that have expired."""
    await sweep_or_wait(pool, {clients.SWEEP_ASSERTIONS: clock.now()})


async def sweep_or_wait(pool: Pool, deletions: dict[str, datetime]) -> None:
    """Runs the deletions once, and waits when no expired row is left."""
    if not await sweep(pool, deletions):
        await asyncio.sleep(SWEEP_EVERY_S)


def erasure_loops(keyrings: Keyrings, retention: Retention) -> dict[str, Loop]:
    """Returns the loops that erase records after their retention, acknowledge erasures, and watch for missing
    acknowledgements."""

    async def erase_due(pool: Pool) -> None:
        if not await sweep_retention(pool, keyrings, retention, clock.now()):
            await asyncio.sleep(SWEEP_EVERY_S)

    async def watch(pool: Pool) -> None:
        await watch_erasures(pool, retention, clock.now())
        await asyncio.sleep(SWEEP_EVERY_S)

    finisher = ErasureFinisher("identity", _nothing_left)
    return {"sweep-retention": erase_due, "finish-erasures": finisher.round, "watch-erasures": watch}


async def _nothing_left(_: Connection, __: UUID) -> dict[str, int]:
    """Returns no counts: identity deletes all data of a record in the transaction that begins its erasure."""
    return {}


async def sweep_sign_ins(pool: Pool) -> None:
    """Deletes expired sign-ins and sessions of professionals."""
    now = clock.now()
    await sweep_or_wait(pool, {professional_sessions.SWEEP_PENDING: now, professional_sessions.SWEEP_SESSIONS: now})


async def sweep_accounts(pool: Pool) -> None:
    """Deletes expired challenges, sessions, refresh tokens and attempt counts."""
    now = clock.now()
    deletions = {
        challenges.SWEEP_CHALLENGES: now - CHALLENGE_RETENTION,
        sessions.SWEEP_REFRESH_TOKENS: now,
        sessions.SWEEP_SESSIONS: now,
        throttles.SWEEP_THROTTLES: now - THROTTLE_RETENTION,
    }
    await sweep_or_wait(pool, deletions)
