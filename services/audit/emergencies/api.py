"""The routes with which the patient side and structures read emergency accesses."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from services.audit.emergencies.models import EmergenciesView, StructureEmergenciesView
from services.audit.emergencies.usecases.list_emergencies import list_emergencies
from services.audit.emergencies.usecases.list_structure_emergencies import list_structure_emergencies
from services.audit.ledger.adapters import MotiveVault
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["accesses"])


@router.get(
    "/records/{record_id}/emergencies",
    operation_id="listEmergencies",
    summary="List who opened a record in an emergency",
    responses={
        403: {"description": "`forbidden`: only the patient or a representative may read this list."},
        404: {"description": "`not-found`: no such record, not the caller's, or closed and the caller is no patient."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
    },
)
async def get_emergencies(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    motives: Annotated[MotiveVault, Depends(provided(MotiveVault))],
) -> EmergenciesView:
    """Returns emergency sessions, newest first: professional, period, motive, and the documents that were read.

    Each request becomes an entry of the ledger itself.
    """
    emergencies, names = await list_emergencies(pool, motives, caller, record_id, max_copy_age)
    return EmergenciesView.of(emergencies, names)


@router.get(
    "/structures/{structure_id}/emergencies",
    operation_id="listStructureEmergencies",
    summary="List the emergencies of a structure's professionals in one week",
    responses={
        403: {"description": "`forbidden`: only the structure's own software, administrators and operators."},
        422: {"description": "`week-invalid`"},
    },
)
async def get_structure_emergencies(
    structure_id: Annotated[str, Path(max_length=40)],
    caller: AuthenticatedCaller,
    pool: ServicePool,
    week: Annotated[str, Query(max_length=10, examples=["2026-W47"], description="a week of ISO 8601 in French time")],
) -> StructureEmergenciesView:
    """Returns a structure's emergency sessions for its data protection officer.

    Shows the professional, the time, the numbers of records and documents, and whether a motive was given. Names no
    patient, no document and no motive.
    """
    sessions, names = await list_structure_emergencies(pool, caller, structure_id, week)
    return StructureEmergenciesView.of(structure_id, week, sessions, names)
