"""The routes with which a médecin traitant previews and signs a version of the summary sheet."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from starlette.requests import Request
from starlette.responses import Response

from services.records.deposits.api.doors import progress_answer
from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED, BINARY
from services.records.kit.requests import InsHmac, caller_of
from services.records.summary.api.formats import CDA, shield
from services.records.summary.models import SignatureBody, SigningBody
from services.records.summary.usecases.sign_summary import SigningContext, SigningProof, preview_summary, sign_summary
from services.records.tracking.models import DepositProgress
from services.records.tracking.steps.depositor import depositor_of
from shared.http.admission import Urgency, urgent
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Summary"])
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    403: {"description": "`forbidden`: you are not the médecin traitant, or not in an ordinary access."},
    404: {"description": "There is no such record, or you may not know of it."},
    422: {
        "description": "`line-not-offered`, `statement-not-possible`, `signing-time-invalid`, `patient-mismatch`, ..."
    },
    503: {"description": "`cannot-be-checked-now`: your rights cannot be checked now; see Retry-After."},
}


def signing_context(context: InjectedReadContext, ins_hmac: InsHmac) -> SigningContext:
    """Returns what signing needs."""
    return SigningContext(context, ins_hmac)


InjectedSigningContext = Annotated[SigningContext, Depends(signing_context)]


@router.post(
    "/records/{record_id}/summary/preview",
    operation_id="previewSummary",
    summary="Preview the version of the summary sheet that you would sign",
    response_class=Response,
    openapi_extra=AUTHENTICATED,
    responses={200: {"description": "The CDA; ETag: of the sheet.", "content": {CDA: BINARY}}, **_REFUSED},
)
@urgent(Urgency.READ)
async def post_preview(
    record_id: UUID, body: SigningBody, request: Request, context: InjectedSigningContext
) -> Response:
    """Returns the document (CDA, IPS-FR 2024.01) for the médecin traitant. Nothing is kept.

    Send the same body to PUT with the SHA-256 of what you got, and with its ETag as If-Match, within half an hour.
    """
    caller = await caller_of(request)
    preview = await preview_summary(context, caller, record_id, body.request(caller))
    headers = {"cache-control": "no-store", "etag": preview.etag, **shield(CDA)}
    return Response(preview.content, 200, headers, CDA)


@router.put(
    "/records/{record_id}/summary",
    operation_id="signSummary",
    status_code=201,
    summary="Sign a version of the summary sheet",
    openapi_extra=AUTHENTICATED,
    responses={
        **_REFUSED,
        409: {"description": "`preview-differs`: what would be signed is not what you previewed."},
        412: {"description": "`sheet-changed`: the sheet is not the one whose ETag you sent."},
    },
)
@urgent(Urgency.DEPOSIT)
async def put_summary(  # each is a part of the request or of the app
    record_id: UUID,
    body: SignatureBody,
    request: Request,
    response: Response,
    context: InjectedSigningContext,
    if_match: Annotated[str, Header(description="ETag of the sheet that you read.")],
    prefer: Annotated[str | None, Header(description="`wait=N`: wait N s for the publication or refusal.")] = None,
) -> DepositProgress:
    """Signs as the médecin traitant, author, legal authenticator and depositor of the document that you previewed.

    It replaces your version of before, and counts once it is published: follow it at GET /deposits/{id}. Lines that you
    do not name are not signed.
    """
    caller = await caller_of(request)
    proof = SigningProof(bytes.fromhex(body.sha256), if_match.strip())
    deposit_id = await sign_summary(context, caller, record_id, body.request(caller), proof)
    return await progress_answer(request, response, context.read.pool, depositor_of(caller), deposit_id, prefer)
