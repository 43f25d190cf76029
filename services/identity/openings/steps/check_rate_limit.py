"""Rate limits by sliding windows in the database, shared by all processes."""

from collections.abc import Sequence

from services.identity.kit import store as rates
from services.identity.openings.domain.online import RATE_LIMITS, TooManyOpeningsError, window_wait
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def check_rate_limit(pool: Pool, action: str, keys: Sequence[str]) -> None:
    """Counts one request under all keys (`<kind of RATES>:<keyed hash>`), in a transaction of its own.

    Raises TooManyOpeningsError; then nothing is counted.
    """
    now, kinds = clock.now(), [key.partition(":")[0] for key in keys]
    async with transaction(pool) as connection:
        times = await rates.lock_request_times(connection, keys, now)
        waits = [wait for key, kind in zip(keys, kinds, strict=True) if (wait := window_wait(kind, times[key], now))]
        if not waits:
            await rates.insert_requests(connection, keys, now, [RATE_LIMITS[kind].window for kind in kinds])
    if waits:
        REFUSED.labels(action, TooManyOpeningsError.code).inc()
        raise TooManyOpeningsError(max(waits))
