"""The route GET /records/{id}/rubrics: the overview of a record."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from starlette.requests import Request

from services.records.documents.domain.overview import RecordOverview
from services.records.documents.models import OverviewView, RubricView
from services.records.documents.steps.record_searches import RecordQuery
from services.records.documents.usecases.show_overview import show_overview
from services.records.facts.context import InjectedReadContext
from services.records.kit.requests import access_headers
from shared.http.app import AuthenticatedCaller
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.http.problems import prefers_french
from shared.terminology.rubrics import VERSION

router = APIRouter(route_class=Door, tags=["FHIR"])


@router.get(
    "/records/{record_id}/rubrics",
    operation_id="showOverview",
    summary="Show the eight rubrics of a record, with the numbers of documents that you may see",
    responses={403: {"description": "This kind of token does not permit a search."}},
)
async def overview(
    record_id: UUID,
    context: InjectedReadContext,
    request: Request,
    response: Response,
    caller: AuthenticatedCaller,
    accept_language: Annotated[str, Header()] = "",
) -> OverviewView:
    """Counts the current documents that you may see. For a record that does not exist, or that you may not know of,
    all numbers are 0.

    `new`: published since you looked at this overview last in an earlier session.
    """
    shown = await show_overview(context, caller, RecordQuery(record_id))
    if not any(rubric.documents for rubric in shown.rubrics):
        await delay_response(request)
    french = prefers_french(accept_language)
    headers = {"content-language": "fr" if french else "en", "cache-control": "no-store", **access_headers(request)}
    response.headers.update(headers)
    return _view(shown, french=french)


def _view(shown: RecordOverview, *, french: bool) -> OverviewView:
    return OverviewView(
        table_version=VERSION,
        since=shown.since,
        rubrics=[
            RubricView(
                code=each.rubric.code,
                label=each.rubric.label_fr if french else each.rubric.label_en,
                documents=each.documents,
                newest_care_on=each.newest,
                new=each.new,
            )
            for each in shown.rubrics
        ],
    )
