"""Reading under /fhir: search, DocumentReference, Binary, CapabilityStatement."""

from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.api.bodies import check_form
from services.records.api.documentation import METADATA, POST_SEARCH, READ_CONTENT, READ_REFERENCE, SEARCH
from services.records.api.parts import caller_of, desk_of, flagged, mode_of, parts_of
from services.records.api.resources import document_reference, etag_of, url_of
from services.records.api.searching import LONGEST_FORM, Query, SearchError, parse_form, parse_query
from services.records.domain.documents import served_type
from services.records.usecases.find_documents import Page, find_documents
from services.records.usecases.read_document import Opened, read_document
from shared.errors import NotFoundError
from shared.fhir.capabilities import capability_statement
from shared.fhir.write import FHIR_JSON, binary, searchset
from shared.http.admission import Urgency, urgent
from shared.http.constant_time import delay_response
from shared.http.door import Door

router = APIRouter(route_class=Door)
# Content is what somebody sent: no browser may guess at it or run it.
SHIELDED = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "no-store",
}
PRIVATE = {"cache-control": "no-store"}
CAPABILITIES_OF = datetime(2026, 11, 22, tzinfo=UTC)


@router.get("/fhir/metadata", **METADATA)
async def metadata(request: Request) -> Response:
    """No token is needed."""
    return Response(capability_statement(f"{request.base_url}fhir", "1", CAPABILITIES_OF), 200, {}, FHIR_JSON)


@router.get("/fhir/DocumentReference", **SEARCH)
async def search(request: Request) -> Response:
    """Parameters in the URL."""
    return await _search(request, parse_form(request.scope["query_string"]))


@router.post("/fhir/DocumentReference/_search", **POST_SEARCH)
@urgent(Urgency.READ)
async def post_search(request: Request) -> Response:
    """Parameters in a form, so that no INS stands in a URL."""
    body = await request.body()
    if body:
        check_form(request)
    if len(body) > LONGEST_FORM:
        raise SearchError
    return await _search(request, parse_form(request.scope["query_string"]) | parse_form(body))


@router.get("/fhir/DocumentReference/{id}", **READ_REFERENCE)
async def read_reference(request: Request) -> Response:
    """The metadata of one document."""
    opened = await _open(request, with_content=False)
    headers = {**PRIVATE, **flagged(request, opened.notices), "etag": etag_of(opened.head)}
    body = document_reference(opened.head, opened.metadata, opened.notices, mode_of(request))
    return Response(body, 200, headers, FHIR_JSON)


@router.get("/fhir/Binary/{id}", **READ_CONTENT)
async def read_binary(request: Request) -> Response:
    """The bytes of one document."""
    opened = await _open(request, with_content=True)
    assert opened.content is not None
    content_type = served_type(opened.metadata.content_type, opened.content)
    flags = flagged(request, opened.notices)
    if FHIR_JSON in request.headers.get("accept", ""):
        return Response(binary(str(opened.head.id), content_type, opened.content), 200, {**PRIVATE, **flags}, FHIR_JSON)
    return Response(opened.content, 200, {**SHIELDED, **flags, "content-type": content_type})


async def _open(request: Request, *, with_content: bool) -> Opened:
    caller = await caller_of(request)
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    return await read_document(desk_of(request), caller, id, with_content=with_content)


async def _search(request: Request, parameters: dict[str, str]) -> Response:
    caller = await caller_of(request)
    query = parse_query(parts_of(request).ins_hmac, parameters)
    page = await find_documents(desk_of(request), caller, query.wanted)
    body = _searchset(str(request.base_url), page, query, mode_of(request))
    if not page.documents:
        await delay_response(request)
    return Response(body, 200, {**PRIVATE, **flagged(request)}, FHIR_JSON)


def _searchset(base: str, page: Page, query: Query, mode: str | None) -> bytes:
    listed = [
        (url_of(base, one.head.id), document_reference(one.head, one.metadata, one.notices)) for one in page.documents
    ]
    next_url = _next(base, page, query)
    return searchset(listed, self_url=f"{base}fhir/DocumentReference", next_url=next_url, access_mode=mode)


def _next(base: str, page: Page, query: Query) -> str | None:
    """The next page by the record's own id: no INS in a URL."""
    if page.after is None:
        return None
    parameters = {
        "patient": f"Patient/{page.record_id}",
        "status": ",".join(sorted(query.statuses)),
        "_count": query.wanted.count,
        "_after": page.after,
    }
    return f"{base}fhir/DocumentReference?{urlencode(parameters)}"
