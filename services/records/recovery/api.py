"""The list of deposits that the database has lost, for operators."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.records.recovery.models import LostDepositView
from services.records.recovery.store import list_lost
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Tracking"])


@router.get(
    "/lost-deposits",
    operation_id="listLostDeposits",
    summary="List deposits lost in a failure of the database, for operators",
    responses={403: {"description": "needs the scope operations"}},
)
async def list_lost_deposits(
    caller: AuthenticatedCaller, pool: ServicePool, limit: Annotated[int, Query(ge=1, le=5000)] = 1000
) -> list[LostDepositView]:
    """Lists the latest first. Each depositor sees its own as `lost`, and can deposit them again."""
    caller.require("operations")
    async with pool.acquire() as connection:
        return [LostDepositView.model_validate(deposit) for deposit in await list_lost(connection, limit)]
