"""The pages /dossier/{id}/resultats: the analyses of a record, and one of them over time."""

from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.steps.record_searches import RecordQuery
from services.records.facts.context import InjectedReadContext
from services.records.results.domain.points import Analysis
from services.records.results.domain.series import AnalysisResults
from services.records.results.models import AnalysisView
from services.records.results.pages.words import LineView, ResultWords
from services.records.results.usecases.show_results import ResultQuery, show_results
from shared.errors import NotFoundError
from shared.http.app import AuthenticatedCaller
from shared.http.constant_time import delay_response
from shared.terminology.oids import LOINC
from shared.web.doors import page_router
from shared.web.languages import language_of
from shared.web.pages import pages_of

router = page_router()
PATH: Final = "/dossier/{record_id:uuid}/resultats"
LONGEST_CODE: Final = 64


@router.get(PATH)
async def results(
    record_id: UUID, request: Request, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Shows the analyses with their newest results."""
    analyses = await show_results(context, caller, ResultQuery(RecordQuery(record_id)))
    if not analyses:
        await delay_response(request)
    words = _words(request)
    lines = [_summary(each, words) for each in analyses]
    return pages_of(request).page(request, "results/list.html", record=record_id, analyses=lines)


@router.get(f"{PATH}/analyse")
async def analysis(
    record_id: UUID, request: Request, context: InjectedReadContext, caller: AuthenticatedCaller
) -> Response:
    """Shows the results of one analysis as lines: a sentence, a plot and a table each.

    `?code`, `?systeme`: its code and the OID of the system, which is LOINC by default.
    """
    code = request.query_params.get("code", "")[:LONGEST_CODE]
    query = Analysis(request.query_params.get("systeme", LOINC) or None, code)
    analyses = await show_results(context, caller, ResultQuery(RecordQuery(record_id), query))
    if not analyses:
        raise NotFoundError
    words = _words(request)
    name = _name(analyses[0], words)
    lines: list[LineView] = [words.line(line, name) for line in analyses[0].lines]
    return pages_of(request).page(request, "results/analysis.html", record=record_id, name=name, lines=lines)


def _words(request: Request) -> ResultWords:
    language = language_of(request)
    return ResultWords(language, pages_of(request).words(language))


def _name(results: AnalysisResults, words: ResultWords) -> str:
    return AnalysisView.of(results, french=words.language == "fr").name


def _summary(results: AnalysisResults, words: ResultWords) -> dict[str, object]:
    newest, analysed = results.newest, results.analysis
    return {
        "name": _name(results, words),
        "query": urlencode({"code": analysed.code, "systeme": analysed.system or ""}),
        "value": words.value(newest),
        "day": words.day(newest.time),
        "count": results.points,
    }
