"""The history of reimbursements as FHIR: a search for ExplanationOfBenefit by patient."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED, SEARCH_ROUTE, query
from services.records.kit.forms import SearchError, parse_form, used_parameters
from services.records.kit.requests import access_headers, caller_of, mode_of
from services.records.reimbursements.api.history import InjectedHistoryRules
from services.records.reimbursements.api.resources import explanation_of_benefit, resource_id
from services.records.reimbursements.domain.history import HistoryPage, HistoryQuery
from services.records.reimbursements.usecases.read_history import HistoryView, read_history
from shared.errors import NotFoundError
from shared.fhir.answer_bundles import searchset
from shared.fhir.references import patient_id
from shared.fhir.write import FHIR_JSON
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.http.prefer import is_lenient
from shared.runtime import clock

router = APIRouter(route_class=Door)
KNOWN_PARAMETERS = frozenset({"patient", "patient:Patient", "_page", "_format"})
LAST_PAGE = 10_000
FIND_BENEFITS: dict[str, Any] = {
    **SEARCH_ROUTE,
    "summary": "Read the history of reimbursements as ExplanationOfBenefit",
    "description": "50 lines a page, newest care first. Amounts are shown to the patient and representatives alone.",
    "openapi_extra": {
        **AUTHENTICATED,
        "parameters": [
            query("patient", "the record's id", "0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b"),
            query("_page", "the number of the page, from 1", "1"),
        ],
    },
}


@router.get("/fhir/ExplanationOfBenefit", operation_id="searchBenefits", **FIND_BENEFITS)
async def find_benefits(request: Request, context: InjectedReadContext, rules: InjectedHistoryRules) -> Response:
    """Returns a page of the history; empty for an unknown record, and for one whose existence is hidden."""
    caller = await caller_of(request)
    parameters = parse_form(request.scope["query_string"])
    used = used_parameters(parameters, KNOWN_PARAMETERS, is_lenient=is_lenient(request.headers.get("prefer")))
    record_id = _record_id(used, f"{request.base_url}fhir")
    history_query = HistoryQuery(page=_page(used))
    try:
        view = await read_history(context, rules, caller, record_id, history_query)
    except NotFoundError:
        view = HistoryView(HistoryPage((), history_query.page, 0, 0, clock.now().date()), ())
    if not view.page.total:
        await delay_response(request)
    body = _searchset(f"{request.base_url}fhir/ExplanationOfBenefit", record_id, view.page, mode_of(request))
    headers = {"cache-control": "no-store", **access_headers(request, view.notices)}
    return Response(body, 200, headers, FHIR_JSON)


def _record_id(used: dict[str, str], base: str) -> UUID:
    patients = [used[name] for name in ("patient", "patient:Patient") if name in used]
    if len(patients) != 1:
        raise SearchError("Search with patient (id of the record), once.")
    try:
        return UUID(patient_id(patients[0], base))
    except ValueError as error:
        raise SearchError("patient is not a valid id.") from error


def _page(used: dict[str, str]) -> int:
    text = used.get("_page", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LAST_PAGE):
        raise SearchError(f"_page must be a number from 1 to {LAST_PAGE}.")
    return int(text)


def _searchset(url: str, record_id: UUID, page: HistoryPage, mode: str | None) -> bytes:
    def link(number: int) -> str:
        return f"{url}?{urlencode({'patient': str(record_id), '_page': str(number)})}"

    return searchset(
        [(f"urn:uuid:{resource_id(line)}", explanation_of_benefit(line, record_id)) for line in page.lines],
        self_url=link(page.page),
        next_url=link(page.page + 1) if page.page < page.pages else None,
        total=page.total,
        access_mode=mode,
    )
