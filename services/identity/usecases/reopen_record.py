"""Reopens a closed record within the time for which it is kept: everything is as it was."""

from uuid import UUID

from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealing import Keyrings
from services.identity.usecases.move_record import LifecycleRequest, move_record
from shared.db.pool import Pool


async def reopen_record(
    pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, request: LifecycleRequest
) -> None:
    """Takes the person off the suppression list too. Raises what `move_record` raises."""
    await move_record(pool, keyrings, retention, record_id, request)
