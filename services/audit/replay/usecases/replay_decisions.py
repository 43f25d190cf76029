"""An operator has decisions of the ledger decided again."""

from datetime import datetime
from typing import NamedTuple

from services.audit.ledger.domain.cursors import LedgerCursor
from services.audit.replay import store
from services.audit.replay.domain import ReplayResult, replay
from shared.db.pool import Pool


class ReplayPage(NamedTuple):
    """The result for a part of the ledger. `last`: the cursor after which the next part begins; None at the end."""

    result: ReplayResult
    last: LedgerCursor | None


async def replay_decisions(pool: Pool, after: LedgerCursor, until: datetime, limit: int) -> ReplayPage:
    """Decides at most `limit` decisions again, the oldest after the cursor first, up to `until`."""
    async with pool.acquire() as connection:
        decisions = await store.find_decisions(connection, after, until, limit)
    last = LedgerCursor(decisions[-1].occurred_at, decisions[-1].event_id) if len(decisions) == limit else None
    return ReplayPage(replay(decisions), last)
