"""The route with which the patient side and professionals read why something was permitted or refused."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response

from services.audit.explanations.domain import Language
from services.audit.explanations.models import ExplanationView
from services.audit.explanations.usecases.explain_decision import explain_decision
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.http.door import Door
from shared.http.problems import prefers_french

router = APIRouter(route_class=Door, tags=["accesses"])


@router.get(
    "/entries/{event_id}/explanation",
    operation_id="explainDecision",
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
    max_copy_age: MaxCopyAge,
    response: Response,
    accept_language: Annotated[str, Header(max_length=500)] = "",
) -> ExplanationView:
    """Explains an entry of the ledger in French or English (`Accept-Language`).

    Returns the requirements of the access rules in their order, the facts that each looked at, and a sentence. A
    professional sees only the facts about their own request. Each request becomes an entry of the ledger itself.
    """
    language: Language = "fr" if prefers_french(accept_language) else "en"
    explanation = await explain_decision(pool, caller, event_id, language, max_copy_age)
    response.headers.update({"content-language": language, "vary": "accept-language"})
    return ExplanationView.of(explanation)
