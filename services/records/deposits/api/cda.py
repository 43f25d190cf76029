"""The route POST /cda: a deposit of one CDA, whose header states the metadata."""

import contextlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from services.records.deposits.api.doors import counted_refusals, organisation_depositor, progress_answer
from services.records.deposits.domain.cda_submissions import CDA_MEDIA_TYPE, submission_of_cda
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.deposits.usecases.quarantine_doors import CDA
from services.records.facts.context import InjectedReadContext
from services.records.kit.bodies import LARGE, InjectedBodyLimit, check_xml_type
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import InsHmac
from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.context import InjectedQuarantine
from services.records.quarantine.domain.requests import RefusedRequest
from services.records.quarantine.steps.keep_refused import keep_refused
from services.records.tracking.models import DepositProgress
from shared.errors import ClientError
from shared.http.admission import Urgency, urgent
from shared.http.door import AS_THE_SERVICE, Door, takes

VisibilityCode = Literal["N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]
router = APIRouter(route_class=Door, tags=["CDA"])
_XML = {"schema": {"type": "string", "description": "A CDA R2 document as the CI-SIS requires it."}}
_XML_BYTES = {"schema": {"type": "string", "format": "binary", "description": "The same, as bytes."}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Neither the software of an organisation, nor a professional who acts for one."},
    409: {"description": "`unique-id-taken`: the id of the CDA already names another document in this record."},
    413: {"description": "`body-too-large`"},
    415: {"description": "`media-type-unsupported`: send the CDA as text/xml or application/xml."},
    422: {
        "description": "`cda-missing`, `cda-header-incomplete`, `type-unknown`, `ins-missing`, `element-missing`, "
        "`record-unknown`, `record-closed`, `traits-mismatch`, `replaced-document-unknown`, ..."
    },
}


@router.post(
    "/cda",
    operation_id="depositCda",
    status_code=201,
    summary="Deposit a CDA",
    responses=_ANSWERS,
    openapi_extra={
        **AUTHENTICATED,
        "requestBody": {
            "required": True,
            "content": {CDA_MEDIA_TYPE: _XML, "application/xml": _XML, "application/octet-stream": _XML_BYTES},
        },
    },
)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE)
async def deposit_cda(  # noqa: PLR0913  # each is a part of the request or of the app
    request: Request,
    response: Response,
    context: InjectedReadContext,
    ins_hmac: InsHmac,
    large: InjectedBodyLimit,
    quarantine: InjectedQuarantine,
    visibility: Annotated[
        list[VisibilityCode] | None,
        Query(description="From whom the document is hidden; repeat it for several. Without it: N, from nobody."),
    ] = None,
    prefer: Annotated[str | None, Header(description="`wait=N`: wait N s for the publication or refusal.")] = None,
) -> DepositProgress:
    """Deposits the CDA in the body. Its header states the patient, the type, the authors and what it replaces.

    The document is invisible until it is checked, as every deposit is. Follow it at GET /deposits/{id}. A CDA in a
    self-displaying style sheet is read inside, and kept as it is. Repeating is harmless.
    """
    depositor = await organisation_depositor(request)
    check_xml_type(request)
    body = await request.body()
    labels = tuple(code for code in visibility or () if code != "N")
    async with large if len(body) > LARGE else contextlib.nullcontext():
        try:
            with counted_refusals():
                submission = await in_thread_if_large(len(body), submission_of_cda, body, labels)
            deposited = await deposit_documents(context, RecordLocator(ins_hmac), depositor, submission, body)
        except ClientError as error:
            await keep_refused(quarantine, depositor, RefusedRequest(CDA, body, labels), error)
            raise
    return await progress_answer(request, response, context.pool, depositor, deposited.id, prefer)
