"""Ends the link of two records: reads behave as before the link."""

from uuid import UUID

from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.change_link import change_link


async def unlink_records(storage: Storage, first_id: UUID, second_id: UUID, request: LifecycleRequest) -> None:
    """The end is in force once records has applied both versions. Raises what `change_link` raises."""
    await change_link(storage, first_id, second_id, request)
