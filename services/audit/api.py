"""HTTP of audit: the person's side reads who did what with a record, and why; structures of their emergencies."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from services.audit.domain import Cursor
from services.audit.explaining import Language
from services.audit.explanations import ExplanationView
from services.audit.models import AccessesView
from services.audit.motives import Motives
from services.audit.sessions import EmergenciesView, StructureEmergenciesView
from services.audit.usecases.explain_decision import explain_decision
from services.audit.usecases.list_accesses import list_accesses
from services.audit.usecases.list_emergencies import list_emergencies
from services.audit.usecases.list_structure_emergencies import list_structure_emergencies
from shared.http.app import AuthenticatedCaller, CopyLimit, ServicePool
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.runtime import clock

LONGEST_PAGE = 200
_CLOCKS_DIFFER = timedelta(days=1)

router = APIRouter(route_class=Door, tags=["accesses"])


def motives_of(request: Request) -> Motives:
    """FastAPI dependency: what opens motives."""
    motives: Motives = request.app.state.motives
    return motives


@router.get(
    "/records/{record_id}/accesses",
    summary="Who did what with one's record",
    responses={
        403: {"description": "`forbidden`: only the patient, or a representative, has this list."},
        404: {"description": "`not-found`: no such record, not yours, or closed and you are not its holder."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
        422: {"description": "`cursor-invalid`, `invalid`"},
    },
)
async def get_accesses(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the page before, or a time")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> AccessesView:
    """Newest first, refusals included; of both records where a person has two that are linked. Refusals alike that
    follow one another are one line (of a page). The asking is itself an entry of the list, a moment later."""
    cursor = Cursor(clock.now() + _CLOCKS_DIFFER, UUID(int=0)) if before is None else Cursor.parse(before)
    page, names, has_more, own = await list_accesses(pool, record_id, caller, cursor, limit, copy_limit)
    return AccessesView.of(page, names, has_more, own)


@router.get(
    "/entries/{event_id}/explanation",
    summary="Why something was permitted or refused",
    responses={
        403: {"description": "`forbidden`: only the person, a representative, or the professional who asked."},
        404: {"description": "`not-found`: no such entry, not yours, or nothing that you may know."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open, or was erased; not to patients."},
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
    """The questions of the rules in their order, what each looked at, and the sentence, in French or English
    (`Accept-Language`). To the professional only what that one may know. The asking is itself an entry."""
    language: Language = "fr" if prefers_french(accept_language) else "en"
    explanation = await explain_decision(pool, caller, event_id, language, copy_limit)
    response.headers.update({"content-language": language, "vary": "accept-language"})
    return ExplanationView.of(explanation)


@router.get(
    "/records/{record_id}/emergencies",
    summary="Who opened one's record in an emergency",
    responses={
        403: {"description": "`forbidden`: only the patient, or a representative, has this list."},
        404: {"description": "`not-found`: no such record, not yours, or closed and you are not its holder."},
        503: {"description": "`cannot-be-checked-now`: whether the record is open; to representatives only."},
    },
)
async def get_emergencies(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    copy_limit: CopyLimit,
    motives: Annotated[Motives, Depends(motives_of)],
) -> EmergenciesView:
    """Each session, the newest first: who, from when to when, the motive that was given, and what was read. The asking
    is itself an entry."""
    found, names = await list_emergencies(pool, motives, caller, record_id, copy_limit)
    return EmergenciesView.of(found, names)


@router.get(
    "/structures/{structure_id}/emergencies",
    summary="The emergencies of a structure's professionals in one week",
    responses={
        403: {"description": "`forbidden`: for the structure's own software, administrators and operators."},
        422: {"description": "`week-invalid`"},
    },
)
async def get_structure_emergencies(
    structure_id: Annotated[str, Path(max_length=40)],
    caller: AuthenticatedCaller,
    pool: ServicePool,
    week: Annotated[str, Query(max_length=10, examples=["2026-W47"], description="ISO 8601, in France")],
) -> StructureEmergenciesView:
    """For its data protection officer: who, when, how many records and documents, whether a motive was given. No
    patient is named, no document, no motive."""
    found, names = await list_structure_emergencies(pool, caller, structure_id, week)
    return StructureEmergenciesView.of(structure_id, week, found, names)
