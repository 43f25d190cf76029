"""Counts an attempt at guessing a secret before the secret is checked."""

from collections.abc import Sequence

from services.identity.accounts.domain.throttling import AttemptDelayed, TooManyTriesError, decide_attempt
from services.identity.accounts.store import throttles
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def count_attempt(connection: Connection, keys: Sequence[str], action: str) -> bool:
    """Counts one attempt under all keys. Returns whether the account or device must wait before its next attempt. Call
    it outside of a transaction, so that the count stays.

    A refused attempt costs one read and no write. Raises TooManyTriesError.
    """
    assert not connection.is_in_transaction(), "an attempt must stay counted whatever happens afterwards"
    decision = decide_attempt(await throttles.load_counts(connection, keys), keys, clock.now())
    if not isinstance(decision, AttemptDelayed):
        async with connection.transaction():
            previous = await throttles.lock_counts(connection, keys, clock.now())
            decision = decide_attempt(
                previous, keys, clock.now()
            )  # now, not before it waited for others: their tries are past
            if not isinstance(decision, AttemptDelayed):
                await throttles.set_counts(connection, decision.counts)
    if isinstance(decision, AttemptDelayed):
        REFUSED.labels(action, TooManyTriesError.code).inc()
        raise TooManyTriesError(decision.seconds)
    return decision.is_slowed
