"""The pages `/dossier/{id}/historique`: who did what with a record, and why it was possible or refused."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from services.audit.accesses.usecases.list_accesses import PagePlace, list_accesses, newest_cursor
from services.audit.explanations.pages.words import act_words, actor_words, history_days
from services.audit.explanations.usecases.explain_decision import explain_decision
from services.audit.explanations.usecases.name_actor import name_actor
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.errors import NotFoundError
from shared.http.app import AuthenticatedCaller, MaxCopyAge, ServicePool
from shared.terminology.access_modes import EMERGENCY_MODES
from shared.web.doors import page_router
from shared.web.languages import language_of
from shared.web.pages import pages_of

ENTRIES_ON_A_PAGE: Final = 50
ENTRIES_OF_A_DOCUMENT: Final = 20
router = page_router()
Own = Annotated[Literal["hidden", "shown"], Query()]


@router.get("/dossier/{record_id}/historique")
async def show_history(  # each is a parameter of the query
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
    own: Own = "hidden",
    avant: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Shows who did what, newest first. The reader's own acts are counted, and shown when asked for."""
    cursor = newest_cursor() if avant is None else LedgerCursor.parse(avant)
    place = PagePlace(cursor, ENTRIES_ON_A_PAGE, own == "hidden")
    accesses = await list_accesses(pool, record_id, caller, place, max_copy_age)
    language, page = language_of(request), accesses.page
    last = page.entries[-1] if page.has_more else None
    return pages_of(request).page(
        request,
        "explanations/history.html",
        days=history_days(accesses, pages_of(request).words(language), language),
        own_hidden=page.own_hidden,
        own=own,
        record=f"/dossier/{record_id}",
        older=None if last is None else str(LedgerCursor(last.occurred_at, last.event_id)),
        is_first=avant is None,
    )


@router.get("/dossier/{record_id}/historique/document/{document_id}")
async def show_document_history(
    request: Request,
    record_id: UUID,
    document_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
) -> Response:
    """Shows who did what with one document: a part of the document's page, or a page of its own."""
    place = PagePlace(newest_cursor(), ENTRIES_OF_A_DOCUMENT, hides_own=True, document_id=document_id)
    accesses = await list_accesses(pool, record_id, caller, place, max_copy_age)
    language = language_of(request)
    return pages_of(request).page(
        request,
        "explanations/document.html",
        days=history_days(accesses, pages_of(request).words(language), language),
        own_hidden=accesses.page.own_hidden,
        has_more=accesses.page.has_more,
        record=f"/dossier/{record_id}",
    )


@router.get("/dossier/{record_id}/historique/{event_id}")
async def show_explanation(
    request: Request,
    record_id: UUID,
    event_id: UUID,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    max_copy_age: MaxCopyAge,
) -> Response:
    """Shows why one act was possible or refused, in words: what the access rules looked at, one by one."""
    if caller.record_id != record_id:
        raise NotFoundError
    language = language_of(request)
    explanation = await explain_decision(pool, caller, event_id, language, max_copy_age)
    entry, t = explanation.entry, pages_of(request).words(language)
    names = await name_actor(pool, entry)
    is_own = entry.actor_kind == caller.kind and entry.actor_id == caller.id
    is_refused = entry.outcome == "refused"
    return pages_of(request).page(
        request,
        "explanations/entry.html",
        entry=entry,
        explanation=explanation,
        who=actor_words(entry.actor_kind, entry.actor_id, None, names, t, is_own=is_own),
        did=act_words(entry.action, t, is_refused=is_refused, is_own=is_own),
        is_refused=is_refused,
        is_emergency=entry.mode in EMERGENCY_MODES,
        answers=sorted({(answer.outcome, answer.sentence) for answer in explanation.combinations}),
        record=f"/dossier/{record_id}",
    )
