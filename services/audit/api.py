"""HTTP API of audit: the patient side reads who did what with a record, and why; structures read their emergencies."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.audit.accesses.models import AccessesView
from services.audit.accesses.usecases.list_accesses import list_accesses
from services.audit.emergencies.models import EmergenciesView, StructureEmergenciesView
from services.audit.emergencies.usecases.list_emergencies import list_emergencies
from services.audit.emergencies.usecases.list_structure_emergencies import list_structure_emergencies
from services.audit.explanations.domain import Language
from services.audit.explanations.models import ExplanationView
from services.audit.explanations.usecases.explain_decision import explain_decision
from services.audit.ledger.domain import LedgerCursor
from services.audit.ledger.motives import MotiveVault
from shared.http.app import AuthenticatedCaller, CopyLimit, ServicePool
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.runtime import clock

LONGEST_PAGE = 200
_CLOCKS_DIFFER = timedelta(days=1)

router = APIRouter(route_class=Door, tags=["accesses"])


def motive_vault_of(request: Request) -> MotiveVault:
    """FastAPI dependency: returns the vault that opens motives."""
    motives: MotiveVault = request.app.state.motives
    return motives


@router.get(
    "/records/{record_id}/accesses",
    summary="List who did what with a record",
    responses={
        403: {"description": "`forbidden`: only the patient or a representative may read this list."},
        404: {"description": "`not-found`: no such record, not the caller's, or closed and the caller is no patient."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
        422: {"description": "`cursor-invalid`, `invalid`"},
    },
)
async def get_accesses(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the previous page, or a time")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> AccessesView:
    """Entries newest first, refusals included; of both records if a person has two linked ones. Equal refusals that
    follow one another are one line of a page. Each request becomes an entry of the list itself, a moment later."""
    cursor = LedgerCursor(clock.now() + _CLOCKS_DIFFER, UUID(int=0)) if before is None else LedgerCursor.parse(before)
    accesses = await list_accesses(pool, record_id, caller, cursor, limit, copy_limit)
    page = accesses.page
    return AccessesView.of(page.entries, page.names, page.has_more, accesses.own_ids)


@router.get(
    "/entries/{event_id}/explanation",
    summary="Explain why something was permitted or refused",
    responses={
        403: {"description": "`forbidden`: only the patient, a representative, or the professional concerned."},
        404: {"description": "`not-found`: there is no such entry, or the caller may not know of it."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open or was erased; never to patients."},
    },
)
async def get_explanation(
    event_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
    response: Response,
    accept_language: Annotated[str, Header(max_length=500)] = "",
) -> ExplanationView:
    """The requirements of the access rules in their order, the facts that each looked at, and a sentence, in French or
    English (`Accept-Language`). A professional sees only the facts about the own request. Each request becomes an entry
    of the ledger itself."""
    language: Language = "fr" if prefers_french(accept_language) else "en"
    explanation = await explain_decision(pool, caller, event_id, language, copy_limit)
    response.headers.update({"content-language": language, "vary": "accept-language"})
    return ExplanationView.of(explanation)


@router.get(
    "/records/{record_id}/emergencies",
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
    copy_limit: CopyLimit,
    motives: Annotated[MotiveVault, Depends(motive_vault_of)],
) -> EmergenciesView:
    """Emergency sessions, newest first: who, from when to when, the motive, and the documents that were read. Each
    request becomes an entry of the ledger itself."""
    emergencies, names = await list_emergencies(pool, motives, caller, record_id, copy_limit)
    return EmergenciesView.of(emergencies, names)


@router.get(
    "/structures/{structure_id}/emergencies",
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
    """For the structure's data protection officer: who, when, how many records and documents, and whether a motive was
    given. Names no patient, no document and no motive."""
    sessions, names = await list_structure_emergencies(pool, caller, structure_id, week)
    return StructureEmergenciesView.of(structure_id, week, sessions, names)
