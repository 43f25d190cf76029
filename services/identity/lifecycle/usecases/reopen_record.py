"""Reopens a closed record within its retention period: everything is as before."""

from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.move_record import move_record
from shared.db.pool import Pool


async def reopen_record(
    pool: Pool, keyrings: Keyrings, rules: LifecycleRules, record_id: UUID, request: LifecycleRequest
) -> None:
    """Also removes the person from the suppression list. Raises what `move_record` raises."""
    await move_record(pool, keyrings, rules, record_id, request)
