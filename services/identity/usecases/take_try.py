"""Counts a try at something that can be guessed, before it is looked at."""

from collections.abc import Sequence

from services.identity.domain.throttling import TooManyTriesError, Withheld, take
from services.identity.store import throttles
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


async def take_try(connection: Connection, keys: Sequence[str], action: str) -> bool:
    """Whether the account or device will have to wait before its next try. On a connection outside of a transaction:
    the count must stand.

    A flood costs one look each; nothing is written for what is refused here. Raises TooManyTriesError.
    """
    assert not connection.is_in_transaction(), "a try is counted whatever becomes of the rest"
    decided = take(await throttles.load_counts(connection, keys), keys, clock.now())
    if not isinstance(decided, Withheld):
        async with connection.transaction():
            known = await throttles.lock_counts(connection, keys, clock.now())
            decided = take(known, keys, clock.now())  # now, not before it waited for others: their tries are past
            if not isinstance(decided, Withheld):
                await throttles.set_counts(connection, decided.counts)
    if isinstance(decided, Withheld):
        REFUSED.labels(action, TooManyTriesError.code).inc()
        raise TooManyTriesError(decided.seconds)
    return decided.slowed
