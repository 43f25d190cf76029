"""Reopens a closed record within its retention period: everything is as before."""

from uuid import UUID

from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.move_record import move_record


async def reopen_record(storage: Storage, rules: LifecycleRules, record_id: UUID, request: LifecycleRequest) -> None:
    """Also removes the person from the suppression list. Raises what `move_record` raises."""
    await move_record(storage, rules, record_id, request)
