"""Counts one more request for somebody, or refuses it: sliding windows in the database, shared by all processes."""

from collections.abc import Sequence

from services.identity.domain.online import RATE_LIMITS, TooManyOpeningsError, window_wait
from services.identity.store import rates
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def take_turn(pool: Pool, action: str, whose: Sequence[str]) -> None:
    """`whose`: `<kind of RATES>:<keyed hash>`. A transaction of its own: a turn that was taken stays taken.

    Raises TooManyOpeningsError; then no turn is taken.
    """
    now, kinds = clock.now(), [one.partition(":")[0] for one in whose]
    async with transaction(pool) as connection:
        times = await rates.lock_recent(connection, whose, now)
        waits = [wait for one, kind in zip(whose, kinds, strict=True) if (wait := window_wait(kind, times[one], now))]
        if not waits:
            await rates.insert_recent(connection, whose, now, [RATE_LIMITS[kind].window for kind in kinds])
    if waits:
        REFUSED.labels(action, TooManyOpeningsError.code).inc()
        raise TooManyOpeningsError(max(waits))
