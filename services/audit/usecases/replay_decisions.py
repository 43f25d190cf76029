"""An operator has the ledger's decisions decided again."""

from datetime import datetime

from services.audit.domain import Cursor
from services.audit.replaying import Replayed, replay
from services.audit.store import replaying as store
from shared.db.pool import Pool


async def replay_decisions(pool: Pool, after: Cursor, until: datetime, limit: int) -> tuple[Replayed, Cursor | None]:
    """So many at most, the oldest first; and the place after which the next ones stand, if there may be more."""
    async with pool.acquire() as connection:
        found = await store.find_decisions(connection, after, until, limit)
    last = Cursor(found[-1].occurred_at, found[-1].event_id) if len(found) == limit else None
    return replay(found), last
