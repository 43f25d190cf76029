"""The route PATCH /fhir/DocumentReference: changes labels, archives, deletes (PDSm st_maj, TD3.3a to d)."""

import re
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.documents.adapters.resources import document_reference, etag_of
from services.records.documents.api.documentation import PATCH_REFERENCE
from services.records.documents.domain.json_patch import Operation, PatchInvalidError, patched_state, read_patch
from services.records.documents.domain.label_changes import TargetState
from services.records.documents.usecases.change_document import change_document
from services.records.facts.context import InjectedReadContext
from services.records.facts.domain.documents import DocumentSummary
from services.records.kit.bodies import check_json_patch
from services.records.kit.requests import access_headers, caller_of, is_french, mode_of
from shared.errors import NotFoundError
from shared.fhir.write import FHIR_JSON
from shared.http.door import Door

router = APIRouter(route_class=Door)
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)


@router.patch("/fhir/DocumentReference/{id}", operation_id="changeDocument", **PATCH_REFERENCE)
async def patch_reference(request: Request, context: InjectedReadContext) -> Response:
    """Applies a JSON Patch to one document."""
    caller = await caller_of(request)
    check_json_patch(request)
    operations, expected_version = read_patch(await request.body()), _expected_version(request.headers.get("if-match"))
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    changed = await change_document(
        context, caller, id, partial(_target_state, operations), expected_version=expected_version
    )
    view = changed.view
    if view is None:
        return Response(None, 204, {**access_headers(request), "etag": etag_of(changed.summary)})
    headers = {"cache-control": "no-store", **access_headers(request, view.notices), "etag": etag_of(view.summary)}
    mode, french = mode_of(request), is_french(request)
    body = document_reference(view.summary, view.metadata, view.notices, mode, french=french)
    return Response(body, 200, headers, FHIR_JSON)


def _target_state(operations: list[Operation], summary: DocumentSummary) -> TargetState:
    return patched_state(summary, operations)


def _expected_version(if_match: str | None) -> int | None:
    """Returns the version in If-Match, None for any version. Raises PatchInvalidError."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise PatchInvalidError("If-Match must be the ETag of the document as you read it.")
    return int(match[1])
