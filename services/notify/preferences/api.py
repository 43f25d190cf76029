"""The routes of a person's preferences."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter

from services.notify.preferences.models import PreferencesModel
from services.notify.preferences.usecases.change_preferences import change_preferences
from services.notify.preferences.usecases.show_preferences import show_preferences
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

_NOT_OWN_RECORD: dict[int | str, dict[str, Any]] = {404: {"description": "The record is not the caller's."}}
router = APIRouter(route_class=Door, prefix="/records/{record_id}", tags=["preferences"], responses=_NOT_OWN_RECORD)


@router.get("/preferences", operation_id="getPreferences", summary="Get the preferences for alerts")
async def get_preferences(record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> PreferencesModel:
    """Returns the caller's own preferences; every alert is switched on until the caller chooses otherwise.

    Alerts of emergencies cannot be switched off: when a professional opens the record in an emergency, the person is
    notified at once by mail and by SMS, and by mail again when the session has ended.
    """
    return PreferencesModel.from_preferences(await show_preferences(pool, caller, record_id))


@router.put("/preferences", operation_id="changePreferences", summary="Change the preferences for alerts")
async def put_preferences(
    record_id: UUID, body: PreferencesModel, caller: AuthenticatedCaller, pool: ServicePool
) -> PreferencesModel:
    """Changes the caller's own preferences. They take effect at once, also for alerts that are queued."""
    return PreferencesModel.from_preferences(await change_preferences(pool, caller, record_id, body.to_preferences()))
