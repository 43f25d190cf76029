"""Ends the link of two records: reads behave as before the link."""

from uuid import UUID

from services.identity.kit.sealed_rows import Keyrings
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.change_link import change_link
from shared.db.pool import Pool


async def unlink_records(
    pool: Pool, keyrings: Keyrings, first_id: UUID, second_id: UUID, request: LifecycleRequest
) -> None:
    """The end is in force once records has applied both versions. Raises what `change_link` raises."""
    await change_link(pool, keyrings, first_id, second_id, request)
