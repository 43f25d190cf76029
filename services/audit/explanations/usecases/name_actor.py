"""Finds the public name of the professional behind an entry of the ledger."""

from services.audit.explanations.domain import LedgerDecision
from shared.db.pool import Pool
from shared.public_names import PublicNames, find_names


async def name_actor(pool: Pool, entry: LedgerDecision) -> PublicNames:
    """Returns the name of the entry's actor; no name for an actor who is no professional of the directory."""
    ids = [entry.actor_id] if entry.actor_kind == "professional" else []
    async with pool.acquire() as connection:
        return await find_names(connection, ids, ())
