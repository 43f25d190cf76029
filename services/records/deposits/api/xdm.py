"""The route POST /xdm: a deposit of the documents of an XDM archive (IHE ITI-32), as MSSanté carries it."""

import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response

from services.records.deposits.api.doors import counted_refusals, organisation_depositor, progress_answer
from services.records.deposits.domain.xdm_submissions import checked_xdm
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.deposits.usecases.quarantine_doors import XDM
from services.records.facts.context import InjectedReadContext
from services.records.kit.bodies import LARGE, InjectedBodyLimit, check_zip_type
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
from shared.xdm.archive import read_archive

router = APIRouter(route_class=Door, tags=["XDM"])
_ZIP_BODY = {"schema": {"type": "string", "format": "binary", "description": "An XDM archive (IHE ITI-32)."}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Neither the software of an organisation, nor a professional who acts for one."},
    409: {"description": "`unique-id-taken`: a uniqueId already names another document in this record."},
    413: {"description": "`body-too-large`, `archive-too-large`"},
    415: {"description": "`media-type-unsupported`: send the archive as application/zip."},
    422: {
        "description": "`archive-invalid`, `archive-name-refused`, `xdm-metadata-missing`, `xdm-metadata-invalid`, "
        "`file-missing`, `hash-mismatch`, `unique-id-mismatch`, `replacement-mismatch`, `patient-inconsistent`, "
        "`record-unknown`, `traits-mismatch`, ... (docs/doors.md)"
    },
}


@router.post(
    "/xdm",
    operation_id="depositXdm",
    status_code=201,
    summary="Deposit an XDM archive",
    responses=_ANSWERS,
    openapi_extra={
        **AUTHENTICATED,
        "requestBody": {
            "required": True,
            "content": {"application/zip": _ZIP_BODY, "application/octet-stream": _ZIP_BODY},
        },
    },
)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE, binary=True)
async def deposit_xdm(  # each is a part of the request or of the app
    request: Request,
    response: Response,
    context: InjectedReadContext,
    ins_hmac: InsHmac,
    large: InjectedBodyLimit,
    quarantine: InjectedQuarantine,
    prefer: Annotated[str | None, Header(description="`wait=N`: wait N s for the publication or refusal.")] = None,
) -> DepositProgress:
    """Deposits the documents of the XDM archive in the body: all of them, or none. They are about one patient.

    METADATA.XML states their metadata, which must agree with the files and with the headers of CDAs; of a CDA, what
    it does not state follows from the header. The documents are invisible until they are checked: follow them at GET
    /deposits/{id}. Repeating is harmless.
    """
    depositor = await organisation_depositor(request)
    check_zip_type(request)
    body = await request.body()
    try:
        with counted_refusals():
            archive = read_archive(body, large.body_limit)
        async with large if archive.expanded_size > LARGE else contextlib.nullcontext():
            with counted_refusals():
                submission = await in_thread_if_large(archive.expanded_size, checked_xdm, archive)
            deposited = await deposit_documents(context, RecordLocator(ins_hmac), depositor, submission, body)
    except ClientError as error:
        await keep_refused(quarantine, depositor, RefusedRequest(XDM, body), error)
        raise
    return await progress_answer(request, response, context.pool, depositor, deposited.id, prefer)
