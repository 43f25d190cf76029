"""HTTP: the preferences of the person."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from services.notify.models import PreferencesModel
from services.notify.usecases.change_preferences import change_preferences
from services.notify.usecases.show_preferences import show_preferences
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

_NOT_YOURS: dict[int | str, dict[str, Any]] = {404: {"description": "Not the record of whoever asks."}}
router = APIRouter(route_class=Door, prefix="/records/{record_id}", tags=["preferences"], responses=_NOT_YOURS)


@router.get("/preferences", summary="Which alerts are switched on")
async def get_preferences(record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> PreferencesModel:
    """The person's own; everything is on until the person chooses otherwise.

    Emergencies are no choice: whoever opens a record in one is told of at once, by mail and by SMS, and by mail again
    when the session has ended.
    """
    return PreferencesModel.of(await show_preferences(pool, caller, record_id))


@router.put("/preferences", summary="Switch alerts on and off")
async def put_preferences(
    record_id: UUID, wanted: PreferencesModel, caller: AuthenticatedCaller, pool: ServicePool
) -> PreferencesModel:
    """In force at once, also for messages that wait to be sent."""
    return PreferencesModel.of(await change_preferences(pool, caller, record_id, wanted.preferences()))
