"""The routes that read under /fhir: search, DocumentReference, Binary, CapabilityStatement."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.adapters.resources import document_reference, etag_of, url_of
from services.records.documents.api.documentation import METADATA, POST_SEARCH, READ_CONTENT, READ_REFERENCE, SEARCH
from services.records.documents.api.search import PATIENTS, parse_query
from services.records.documents.domain.metadata import served_type
from services.records.documents.domain.search import start_text
from services.records.documents.steps.document_lists import DocumentPage
from services.records.documents.steps.document_requests import DocumentView
from services.records.documents.usecases.find_documents import find_documents
from services.records.documents.usecases.read_document import read_document
from services.records.facts.context import InjectedReadContext, ReadContext
from services.records.kit.bodies import check_form
from services.records.kit.forms import LONGEST_FORM, SearchError, link_query, linked_parameters, parse_form
from services.records.kit.requests import InsHmac, access_headers, caller_of, is_french, mode_of
from shared.crypto.keyring import Keyring
from shared.errors import NotFoundError
from shared.fhir.answer_bundles import searchset
from shared.fhir.capabilities import ServerDescription, capability_statement
from shared.fhir.write import FHIR_JSON, binary
from shared.http.admission import Urgency, urgent
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.http.negotiation import is_resource_requested, serves_content
from shared.http.prefer import is_lenient
from shared.runtime.version import software_version

router = APIRouter(route_class=Door)
# Content is untrusted: no browser may guess its type or run it.
SHIELDED = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "no-store",
}
PRIVATE = {"cache-control": "no-store"}
CAPABILITIES_OF = datetime(2026, 11, 30, tzinfo=UTC)


@router.get("/fhir/metadata", operation_id="getCapabilities", **METADATA)
async def metadata(request: Request) -> Response:
    """Returns the CapabilityStatement; needs no token."""
    issuer: str = request.app.state.verifier.issuer
    server = ServerDescription(f"{request.base_url}fhir", f"{issuer.rstrip('/')}/oauth/token", software_version())
    return Response(capability_statement(server, CAPABILITIES_OF), 200, {}, FHIR_JSON)


@router.get("/fhir/DocumentReference", operation_id="searchDocuments", **SEARCH)
async def search(request: Request, context: InjectedReadContext, ins_hmac: InsHmac) -> Response:
    """Searches with parameters in the URL."""
    return await _search(request, context, ins_hmac, parse_form(request.scope["query_string"]))


@router.post("/fhir/DocumentReference/_search", operation_id="searchDocumentsByForm", **POST_SEARCH)
@urgent(Urgency.READ)
async def post_search(request: Request, context: InjectedReadContext, ins_hmac: InsHmac) -> Response:
    """Searches with parameters in a form, which keeps the INS out of the URL."""
    body = await request.body()
    if body:
        check_form(request)
    if len(body) > LONGEST_FORM:
        raise SearchError
    return await _search(request, context, ins_hmac, parse_form(request.scope["query_string"]) | parse_form(body))


@router.get("/fhir/DocumentReference/{id}", operation_id="readDocument", **READ_REFERENCE)
async def read_reference(request: Request, context: InjectedReadContext) -> Response:
    """Returns the metadata of one document."""
    view = await _open(request, context, with_content=False)
    headers = {**PRIVATE, **access_headers(request, view.notices), "etag": etag_of(view.summary)}
    mode, french = mode_of(request), is_french(request)
    body = document_reference(view.summary, view.metadata, view.notices, mode, french=french)
    return Response(body, 200, headers, FHIR_JSON)


@router.get("/fhir/Binary/{id}", operation_id="readContent", **READ_CONTENT)
@serves_content
async def read_binary(request: Request, context: InjectedReadContext) -> Response:
    """Returns the content of one document."""
    view = await _open(request, context, with_content=True)
    assert view.content is not None
    content_type = served_type(view.metadata.content_type, view.content)
    flags = access_headers(request, view.notices)
    if is_resource_requested(request):
        return Response(binary(str(view.summary.id), content_type, view.content), 200, {**PRIVATE, **flags}, FHIR_JSON)
    return Response(view.content, 200, {**SHIELDED, **flags, "content-type": content_type})


async def _open(request: Request, context: ReadContext, *, with_content: bool) -> DocumentView:
    caller = await caller_of(request)
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    return await read_document(context, caller, id, with_content=with_content)


async def _search(request: Request, context: ReadContext, ins_hmac: Keyring, parameters: dict[str, str]) -> Response:
    caller = await caller_of(request)
    base, lenient = str(request.base_url), is_lenient(request.headers.get("prefer"))
    search = parse_query(ins_hmac, parameters, f"{base}fhir", is_lenient=lenient)
    page = await find_documents(context, caller, search.query)
    parameters = search.link_parameters(None if page.is_empty else page.record_id)
    listed = _listed(base, page, french=is_french(request))
    body = _searchset(base, page, listed, linked_parameters(request, parameters, PATIENTS), mode_of(request))
    if page.is_empty:
        await delay_response(request)
    return Response(body, 200, {**PRIVATE, **access_headers(request)}, FHIR_JSON)


def _listed(base: str, page: DocumentPage, *, french: bool) -> list[tuple[str, bytes]]:
    """Returns the addresses and DocumentReferences of a page."""
    return [
        (
            url_of(base, document.summary.id),
            document_reference(document.summary, document.metadata, document.notices, french=french),
        )
        for document in page.documents
    ]


def _searchset(
    base: str,
    page: DocumentPage,
    listed: Sequence[tuple[str, bytes]],
    parameters: Mapping[str, str],
    mode: str | None,
) -> bytes:
    url = f"{base}fhir/DocumentReference"
    return searchset(
        listed,
        self_url=f"{url}?{link_query(parameters)}",
        next_url=f"{url}?{link_query({**parameters, '_after': start_text(page.after)})}" if page.after else None,
        total=page.total,
        access_mode=mode,
    )
