"""HTTP of audit: a patient reads who did what with the own record."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from services.audit.domain import Cursor
from services.audit.explaining import Language
from services.audit.explanations import ExplanationView
from services.audit.models import AccessesView
from services.audit.usecases.explain_decision import explain_decision
from services.audit.usecases.list_accesses import list_accesses
from shared import clock
from shared.errors import ForbiddenError, NotFoundError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.problems import prefers_french

LONGEST_PAGE = 200
_CLOCKS_DIFFER = timedelta(days=1)

router = APIRouter(tags=["accesses"])


@router.get(
    "/records/{record_id}/accesses",
    summary="Who did what with one's record",
    responses={
        403: {"description": "`forbidden`: only a patient has this list."},
        404: {"description": "`not-found`: no such record, or not yours."},
        422: {"description": "`cursor-invalid`, `invalid`"},
    },
)
async def get_accesses(
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    before: Annotated[str | None, Query(max_length=80, description="`next` of the page before, or a time")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> AccessesView:
    """Newest first, refusals included; of both records where a person has two that are linked. The asking is itself an
    entry of the list, a moment later."""
    if caller.kind != "patient":
        raise ForbiddenError("Only the patient can see who did what with a record.")
    if caller.record_id != record_id:
        raise NotFoundError
    cursor = Cursor(clock.now() + _CLOCKS_DIFFER, UUID(int=0)) if before is None else Cursor.parse(before)
    page, names, has_more, own = await list_accesses(pool, record_id, caller.actor(), cursor, limit)
    return AccessesView.of(page, names, has_more, frozenset(str(id) for id in own))


@router.get(
    "/entries/{event_id}/explanation",
    summary="Why something was permitted or refused",
    responses={
        403: {"description": "`forbidden`: only the person, a representative, or the professional who asked."},
        404: {"description": "`not-found`: no such entry, not yours, or nothing that you may know."},
    },
)
async def get_explanation(
    event_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    response: Response,
    accept_language: Annotated[str, Header(max_length=500)] = "",
) -> ExplanationView:
    """The questions of the rules in their order, what each looked at, and the sentence, in French or English
    (`Accept-Language`). To the professional only what that one may know. The asking is itself an entry."""
    language: Language = "fr" if prefers_french(accept_language) else "en"
    explanation = await explain_decision(pool, caller, event_id, language)
    response.headers.update({"content-language": language, "vary": "accept-language"})
    return ExplanationView.of(explanation)
