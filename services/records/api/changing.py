"""PATCH /fhir/DocumentReference: labels, archive, delete (PDSm st_maj, TD3.3a to d)."""

import re
from functools import partial
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.api.bodies import check_json_patch
from services.records.api.documentation import PATCH_REFERENCE
from services.records.api.parts import caller_of, desk_of, flagged, mode_of
from services.records.api.resources import document_reference, etag_of
from services.records.domain.documents import Head
from services.records.domain.json_patch import Operation, PatchInvalidError, asked_of, read_patch
from services.records.domain.patching import Asked
from services.records.usecases.change_document import change_document
from shared.errors import NotFoundError
from shared.fhir.write import FHIR_JSON
from shared.http.door import Door

router = APIRouter(route_class=Door)
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


@router.patch("/fhir/DocumentReference/{id}", **PATCH_REFERENCE)
async def patch_reference(request: Request) -> Response:
    """A JSON Patch."""
    caller = await caller_of(request)
    check_json_patch(request)
    operations, known = read_patch(await request.body()), _known(request.headers.get("if-match"))
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    changed = await change_document(desk_of(request), caller, id, partial(_asked, operations), known=known)
    opened = changed.opened
    if opened is None:
        return Response(None, 204, {**flagged(request), "etag": etag_of(changed.head)})
    headers = {"cache-control": "no-store", **flagged(request, opened.notices), "etag": etag_of(opened.head)}
    return Response(
        document_reference(opened.head, opened.metadata, opened.notices, mode_of(request)), 200, headers, FHIR_JSON
    )


def _asked(operations: list[Operation], head: Head) -> Asked:
    return asked_of(head, operations)


def _known(if_match: str | None) -> int | None:
    """The version that the asker has seen. Raises PatchInvalidError."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise PatchInvalidError("If-Match is the ETag of the document as it was read.")
    return int(found[1])
