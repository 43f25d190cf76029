"""Marks expired invitations, and deletes those that ended without a relation long ago."""

from datetime import datetime
from typing import Final

from services.identity.relations.domain.care import UNANSWERED_RETENTION
from services.identity.relations.store import care
from shared.db.pool import Pool, transaction

BATCH: Final = 500


async def sweep_invitations(pool: Pool, now: datetime, *, limit: int = BATCH) -> int:
    """Returns how many rows were changed or deleted; 0 when nothing is left to do."""
    async with transaction(pool) as connection:
        expired = await care.expire_invitations(connection, now, limit)
        return expired + await care.delete_unanswered(connection, now - UNANSWERED_RETENTION, limit)
