"""The route GET /records/{id}/facts: the facts of a record as resources of FHIR R4."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.clinical_facts.domain.fact_filters import FactCursor, FactFilters
from services.records.clinical_facts.domain.readable import SourcedFact
from services.records.clinical_facts.domain.resources import (
    RESOURCES,
    ResourceFrame,
    SourceDocument,
    provenance,
    resource_of,
)
from services.records.clinical_facts.models import FactParameters
from services.records.clinical_facts.usecases.find_facts import FactPage, FactQuery, find_facts
from services.records.documents.steps.record_searches import RecordQuery
from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED, BYTES, UNAUTHENTICATED, outcome, resource
from services.records.kit.forms import SearchError
from services.records.kit.requests import access_headers, caller_of, mode_of
from shared.fhir.answer_bundles import searchset
from shared.fhir.write import FHIR_JSON
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.runtime import clock

router = APIRouter(route_class=Door)
FIND_FACTS: dict[str, Any] = {
    **BYTES,
    "summary": "Find facts in the documents of a record",
    "description": "What the structured documents that you may see say in codes, as Observation, MedicationStatement, "
    "Immunization, AllergyIntolerance, Condition, Procedure, DeviceUseStatement and others, each with a Provenance: "
    "document, section, entry. Of current documents, newest received first; a superseded version's facts with "
    "`document`. Statements of none, negated and planned ones are among them and say so. The Bundle states no total.",
    "responses": {
        200: resource("A searchset Bundle; also empty for an unknown record, and where you may not search."),
        **UNAUTHENTICATED,
        400: outcome("A parameter is not understood."),
        403: outcome("This kind of token does not permit a search."),
        503: outcome("The patient's choices cannot be checked now; see Retry-After."),
    },
    "openapi_extra": AUTHENTICATED,
}
_NO_CURSOR: Final = FactCursor()


@router.get("/records/{record_id}/facts", operation_id="findFacts", **FIND_FACTS)
async def get_facts(
    record_id: UUID, request: Request, context: InjectedReadContext, parameters: Annotated[FactParameters, Query()]
) -> Response:
    """Returns a page of facts. A fact whose time is unknown is left out where `from` or `to` is sent."""
    caller = await caller_of(request)
    query = FactQuery(
        RecordQuery(record_id),
        _filters_of(parameters),
        _parse_cursor(parameters.cursor),
        document=parameters.document,
    )
    page = await find_facts(context, caller, query)
    if not page.facts and page.after is None:
        await delay_response(request)
    body = _bundle(request, page)
    return Response(body, 200, {"cache-control": "no-store", **access_headers(request)}, FHIR_JSON)


def _filters_of(parameters: FactParameters) -> FactFilters:
    system, separator, code = (parameters.code or "").rpartition("|")
    return FactFilters(
        kinds=frozenset(parameters.kind) or None,
        code=code or None,
        system=system if separator else None,
        first=parameters.first,
        last=parameters.last,
    )


def _parse_cursor(text: str | None) -> FactCursor:
    """Returns the position where the page begins. Raises SearchError."""
    try:
        return _NO_CURSOR if text is None else FactCursor.parse(text)
    except ValueError as error:
        raise SearchError("cursor is not one of this search: follow the link `next`.") from error


def _bundle(request: Request, page: FactPage) -> bytes:
    base, today = f"{request.base_url}fhir", clock.now().date()
    url = str(request.url.replace(query=None))
    used = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    at_cursor = [("cursor", value) for value in request.query_params.getlist("cursor")]
    return searchset(
        [_resource(base, sourced, today) for sourced in page.facts],
        included=[_provenance(base, sourced) for sourced in page.facts],
        self_url=_link(url, [*used, *at_cursor]),
        next_url=None if page.after is None else _link(url, [*used, ("cursor", str(page.after))]),
        total=None,
        access_mode=mode_of(request),
    )


def _link(url: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(parameters)}" if parameters else url


def _resource(base: str, sourced: SourcedFact, today: date) -> tuple[str, bytes]:
    fact = sourced.fact
    written = resource_of(fact, ResourceFrame(sourced.source.record_id, today))
    return f"{base}/{RESOURCES[fact.kind]}/{fact.id}", orjson.dumps(written)


def _provenance(base: str, sourced: SourcedFact) -> tuple[str, bytes]:
    source = sourced.source
    document = SourceDocument(source.id, source.received_at, source.organisation_id)
    written = provenance(sourced.fact, RESOURCES[sourced.fact.kind], document)
    return f"{base}/Provenance/{written['id']}", orjson.dumps(written)
