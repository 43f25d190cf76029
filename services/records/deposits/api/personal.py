"""The route PUT /records/{id}/documents/{id}: a deposit of the patient side."""

from typing import Annotated, Any
from uuid import UUID

import pybase64
from fastapi import APIRouter, Header, Request, Response

from services.records.deposits.api.doors import progress_answer
from services.records.deposits.domain.personal import OwnDocument, submission_from
from services.records.deposits.models import PersonalDocument
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.facts.context import InjectedReadContext
from services.records.kit.requests import InsHmac
from services.records.kit.threads import in_thread_if_large
from services.records.tracking.models import DepositProgress
from services.records.tracking.steps.depositor import depositor_of
from shared.errors import ForbiddenError, InvalidError
from shared.fhir.contents import span_of
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import AS_THE_SERVICE, Door, takes
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["Own documents"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "You may not deposit this: the detail names the rule, such as `type-not-yours`."},
    404: {"description": "There is no such record, or you may not deposit in it."},
    409: {"description": "`unique-id-taken`: this id already names another document."},
    422: {
        "description": "`record-closed`, `type-unknown`, `media-type-differs`, `active-content`, `content-unreadable`, "
        "`base64-invalid`, `replaced-document-unknown`, `invalid`"
    },
    503: {
        "description": "`cannot-be-checked-now`: your right to act for the holder cannot be checked; see Retry-After."
    },
}


class Base64InvalidError(InvalidError):
    """The content is not base64 (RFC 4648 section 4: with + and /, and padding)."""

    code = "base64-invalid"
    french = "Le contenu n’est pas en base64."


@router.put(
    "/records/{record_id}/documents/{document_id}",
    operation_id="putOwnDocument",
    status_code=201,
    summary="Deposit a document of your own",
    responses=_ANSWERS,
)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE)
async def put_document(  # noqa: PLR0913  # each is a part of the request or of the app
    record_id: UUID,
    document_id: UUID,
    body: PersonalDocument,
    request: Request,
    response: Response,
    caller: AuthenticatedCaller,
    context: InjectedReadContext,
    ins_hmac: InsHmac,
    prefer: Annotated[str | None, Header(description="`wait=N`: wait N s for the publication or refusal.")] = None,
) -> DepositProgress:
    """Deposits a document as the holder, a representative or a carer. You choose `document_id`; repeating is harmless.

    The document is invisible until it is checked, as every deposit is. Follow it at GET /deposits/{id}.
    """
    depositor = depositor_of(caller)
    if not depositor.is_of_patient_side:
        raise ForbiddenError("This is for patients, their representatives and carers; others deposit by POST /fhir.")
    raw = await request.body()
    document = _personal(document_id, body, raw)
    submission = await in_thread_if_large(len(raw), submission_from, document, clock.now())
    locator = RecordLocator(ins_hmac, record_id)
    deposited = await deposit_documents(context, locator, depositor, submission, raw)
    return await progress_answer(request, response, context.pool, depositor, deposited.id, prefer)


def _personal(document_id: UUID, body: PersonalDocument, raw: bytes) -> OwnDocument:
    try:
        content = pybase64.b64decode(body.content, validate=True)
    except ValueError as error:
        raise Base64InvalidError from error
    return OwnDocument(
        id=document_id,
        type=body.type,
        title=body.title,
        content_type=body.content_type,
        content=content,
        base64=span_of(raw, 0, body.content, content),
        creation=body.creation,
        masked=body.masked,
        hidden_from_representatives=body.hidden_from_representatives,
        replaces=body.replaces,
    )
