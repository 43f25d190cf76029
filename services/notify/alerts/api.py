"""The route with which a patient lists the alerts of their own record."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.notify.alerts.domain.listed import AlertPlace
from services.notify.alerts.models import AlertsView
from services.notify.alerts.usecases.list_alerts import list_alerts
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

LONGEST_PAGE = 100
router = APIRouter(route_class=Door, tags=["preferences"])


@router.get(
    "/records/{record_id}/alerts",
    operation_id="listAlerts",
    summary="List the alerts of a record",
    responses={
        404: {"description": "The record is not the caller's."},
        422: {"description": "`alert-place-invalid`, `invalid`"},
    },
)
async def get_alerts(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> AlertsView:
    """Returns alerts, newest first, with their state. They are kept for some weeks after they were handled."""
    place = None if before is None else AlertPlace.parse(before)
    return AlertsView.of(await list_alerts(pool, caller, record_id, limit, place))
