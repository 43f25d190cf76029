"""A depositor follows its deposits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records.store import tracking as store
from services.records.store.tracking import TrackedDeposit
from shared.db.pool import Pool

FIRST = UUID(int=0)
_LATEST_MILLISECOND = (1 << 48) - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """Oldest first. `after`: where the next page begins; None on the last."""

    deposits: tuple[TrackedDeposit, ...]
    after: UUID | None


async def show_deposit(pool: Pool, organisation_id: str, deposit_id: UUID) -> TrackedDeposit | None:
    """One of its own; None when it is another's or does not exist."""
    async with pool.acquire() as connection:
        return await store.find_deposit(connection, organisation_id, deposit_id)


async def show_deposits(pool: Pool, organisation_id: str, since: datetime, *, after: UUID, limit: int) -> Listed:
    """Its own, received at `since` or later."""
    async with pool.acquire() as connection:
        found, next_after = await store.list_deposits(
            connection, organisation_id, since=_first_id(since), after=after, limit=limit
        )
    return Listed(tuple(found), next_after)


def told_reason(reason: str) -> str:
    """Why a deposit was refused, as its depositor is told: that one is blocked reads like any opposition (TD0.2 alone
    tells of a block)."""
    return "consent-opposed" if reason == "blocked" else reason


def _first_id(moment: datetime) -> UUID:
    """The smallest id of that millisecond: ids sort by time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=min(max(milliseconds, 0), _LATEST_MILLISECOND) << 80)
