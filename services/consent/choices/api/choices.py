"""The routes with which the patient side reads a patient's choices."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.consent.choices.api import changes
from services.consent.choices.api.changer import etag_of
from services.consent.choices.context import InjectedChoicesContext
from services.consent.choices.models import ChoicesView, HistoryEntryView, HistoryView, VersionView
from services.consent.choices.usecases.view_choices import view_choices, view_history, view_version
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door

LONGEST_PAGE = 100
LARGEST_VERSION = 2**31 - 1

router = APIRouter(
    route_class=Door,
    prefix="/records/{record_id}",
    tags=["choices"],
    responses={code: changes.RESPONSES[code] for code in (403, 404, 503)},
)


@router.get("/choices", operation_id="getChoices", summary="Read the choices")
async def get_choices(
    record_id: UUID, caller: AuthenticatedCaller, context: InjectedChoicesContext, response: Response
) -> ChoicesView:
    """Returns the readers, the blocks, the objections to deposits, and all other choices. `ETag` is the version."""
    state = await view_choices(context.pool, record_id, caller, context.rules.max_copy_age)
    response.headers["etag"] = etag_of(state.version)
    return ChoicesView.of(state)


@router.get(
    "/choices/history",
    operation_id="getChoicesHistory",
    summary="Read the history of the choices",
)
async def get_history(
    record_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    before: Annotated[
        int, Query(ge=1, le=LARGEST_VERSION, description="`next` of the previous page")
    ] = LARGEST_VERSION,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 50,
) -> HistoryView:
    """Returns every change, newest first: its subject, its time and its author."""
    page = await view_history(context.pool, record_id, caller, context.rules.max_copy_age, before=before, count=limit)
    return HistoryView(
        changes=[HistoryEntryView.of(entry) for entry in page.entries],
        next=page.entries[-1].version if page.has_more else None,
    )


@router.get(
    "/choices/versions/{version}",
    operation_id="getChoicesVersion",
    summary="Read an earlier version of the choices",
)
async def get_version(
    record_id: UUID,
    version: Annotated[int, Path(ge=1, le=LARGEST_VERSION)],
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
) -> VersionView:
    """Returns all choices as they were in that version."""
    choices = await view_version(context.pool, record_id, caller, context.rules.max_copy_age, version)
    return VersionView(version=version, choices=choices)
