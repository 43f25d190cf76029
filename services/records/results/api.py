"""The routes of results over time."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.steps.record_searches import RecordQuery
from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import access_headers, caller_of, is_french
from services.records.results.domain.points import Analysis
from services.records.results.models import (
    AnalysisResultsView,
    AnalysisSummaryView,
    AnalysisView,
    ResultLineView,
    ResultParameters,
    ResultsOverviewView,
)
from services.records.results.usecases.show_results import ResultQuery, show_results
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.terminology.clinical import oid_of_system

router = APIRouter(route_class=Door, tags=["Results"])
MOST_POINTS: Final = 1000
"""Points of a line in an answer, the newest ones; a period finds the others."""
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "This kind of token does not permit a search."},
    503: {"description": "`cannot-be-checked-now`: your rights cannot be checked now; see Retry-After."},
}
AnalysisCode = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[!-~]+$", examples=["718-7"])]


@router.get(
    "/records/{record_id}/results",
    operation_id="listResults",
    summary="List the analyses and measures of a record, with their newest results",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses=_ANSWERS,
)
async def get_results(
    record_id: UUID, request: Request, response: Response, context: InjectedReadContext
) -> ResultsOverviewView:
    """Returns the analyses of which you may see results, those with the newest result first.

    Results and measures of structured documents that a search of documents finds for you; each reading is in the ledger
    as such a search. It is empty for an unknown record, and where you may not search.
    """
    caller = await caller_of(request)
    analyses = await show_results(context, caller, ResultQuery(RecordQuery(record_id)))
    await _answer(request, response, is_empty=not analyses)
    french = is_french(request)
    return ResultsOverviewView(analyses=[AnalysisSummaryView.of(each, french=french) for each in analyses])


@router.get(
    "/records/{record_id}/results/{code}",
    operation_id="showResults",
    summary="Show the results of an analysis over time",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses=_ANSWERS,
)
async def get_results_of_analysis(
    record_id: UUID,
    code: AnalysisCode,
    request: Request,
    response: Response,
    context: InjectedReadContext,
    parameters: Annotated[ResultParameters, Query()],
) -> AnalysisResultsView:
    """Returns the results as lines, newest first: one for each dimension of units and each place of the body.

    Units of a dimension are converted by a table; masses never become moles, except where the laboratory translated the
    result itself. What the table does not have is a line as written. A bound such as `<1.0 mg/L` is no point of a
    curve. The same result in several documents is one point, with the documents that you may see.
    """
    caller = await caller_of(request)
    analysis = Analysis(oid_of_system(parameters.system), code)
    query = ResultQuery(RecordQuery(record_id), analysis, parameters.first, parameters.last)
    analyses = await show_results(context, caller, query)
    await _answer(request, response, is_empty=not analyses)
    if not analyses:
        return AnalysisResultsView(analysis=None, lines=[], status="complete")
    [results] = analyses
    is_cut = any(len(line.points) > MOST_POINTS for line in results.lines)
    return AnalysisResultsView(
        analysis=AnalysisView.of(results, french=is_french(request)),
        lines=[ResultLineView.of(line, MOST_POINTS) for line in results.lines],
        status="newest-only" if is_cut else "complete",
    )


async def _answer(request: Request, response: Response, *, is_empty: bool) -> None:
    if is_empty:
        await delay_response(request)
    response.headers.update({"cache-control": "no-store", **access_headers(request)})
