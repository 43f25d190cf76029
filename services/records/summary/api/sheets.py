"""The routes that read the summary sheet of a record, in each of its formats."""

from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED, BINARY
from services.records.kit.requests import InsHmac, access_headers, caller_of, is_french
from services.records.reimbursements.models import PatientBody
from services.records.summary.api.formats import JSON, WRITERS, negotiated, shield, written
from services.records.summary.domain.sheet import Language, SheetPatient
from services.records.summary.domain.sheet_json import sheet_body
from services.records.summary.models import SummaryView
from services.records.summary.steps.opened_sheets import OpenedSheet
from services.records.summary.usecases.show_summary import show_summary
from shared.http.admission import Urgency, urgent
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Summary"])
_STATED: Final[dict[str, Any]] = dict.fromkeys(WRITERS, BINARY)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": SummaryView, "description": "The sheet, with an ETag of its content.", "content": _STATED},
    403: {"description": "This kind of token reads no sheet."},
    404: {"description": "There is no such record, or you may not know of it."},
    406: {"description": "`format-not-given`"},
    503: {"description": "`cannot-be-checked-now`: your rights cannot be checked now; see Retry-After."},
}


@router.get(
    "/records/{record_id}/summary",
    operation_id="readSummary",
    summary="Read the summary sheet of a record",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses=_ANSWERS,
)
async def get_summary(record_id: UUID, request: Request, context: InjectedReadContext, ins_hmac: InsHmac) -> Response:
    """Returns what the facts of the documents say that you may see, proposed or confirmed by the médecin traitant.

    Nothing in a chapter means that nothing is in the record, never that there is nothing. The person may have masked
    information. Accept chooses JSON, an International Patient Summary (FHIR), HTML, PDF or CDA, which name nobody. Each
    reading is in the ledger, with the documents of which the sheet was made.
    """
    media_type = negotiated(request.headers.get("accept", ""))
    opened = await show_summary(context, ins_hmac, await caller_of(request), record_id)
    return await _answer(request, opened, media_type)


@router.post(
    "/records/{record_id}/summary/document",
    operation_id="writeSummary",
    summary="Get the summary sheet with the name of the person",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses={**_ANSWERS, 422: {"description": "The INS or the traits are not those of the person of this record."}},
)
@urgent(Urgency.READ)
async def post_summary(
    record_id: UUID, patient: PatientBody, request: Request, context: InjectedReadContext, ins_hmac: InsHmac
) -> Response:
    """Returns the sheet as GET does, naming the person in the formats that people read.

    Records knows nobody by name: name the person in the body, and the record confirms it.
    """
    media_type, named = negotiated(request.headers.get("accept", "")), patient.parsed()
    person = SheetPatient(named.ins, named.traits)
    opened = await show_summary(context, ins_hmac, await caller_of(request), record_id, person)
    return await _answer(request, opened, media_type)


async def _answer(request: Request, opened: OpenedSheet, media_type: str) -> Response:
    body = sheet_body(opened.sheet, opened.confirmable)
    headers = {"cache-control": "no-store", "etag": body.etag, "vary": "accept", **access_headers(request)}
    if media_type == JSON:
        return Response(body.content, 200, headers, JSON)
    language: Language = "fr" if is_french(request) else "en"
    content = await written(opened.sheet, media_type, language)
    return Response(content, 200, {**headers, **shield(media_type), "content-language": language}, media_type)
