"""PUT /records/{id}/documents/{id}: the person's side deposits."""

from typing import Annotated, Any
from uuid import UUID

import pybase64
from fastapi import APIRouter, Header, Request, Response

from services.records.api.deposits import wait_settled
from services.records.api.parts import desk_of, parts_of
from services.records.api.tracking import progress_of
from services.records.depositing import depositing
from services.records.domain.personal import Personal, submission_of
from services.records.models import DepositProgress, PersonalDocument
from services.records.usecases.deposit_documents import Where, deposit_documents
from shared.errors import ForbiddenError, InvalidError, NotFoundError
from shared.fhir.contents import span_of
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import AS_THE_SERVICE, Door, takes
from shared.http.prefer import seconds_to_wait
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["Own documents"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Not yours to deposit: the detail names the rule, such as `type-not-yours`."},
    404: {"description": "No such record, or not one in which you may deposit."},
    409: {"description": "`unique-id-taken`: this id stands for another document already."},
    422: {
        "description": "`record-closed`, `type-unknown`, `media-type-differs`, `base64-invalid`, "
        "`replaced-document-unknown`, `invalid`"
    },
    503: {"description": "`cannot-be-checked-now`: who you act for cannot be checked; see Retry-After."},
}


class Base64InvalidError(InvalidError):
    """The content is not base64 (RFC 4648, with + and /, with its padding)."""

    code = "base64-invalid"
    french = "Le contenu n’est pas en base64."


@router.put(
    "/records/{record_id}/documents/{document_id}",
    status_code=201,
    summary="Add a document of one's own",
    responses=_ANSWERS,
)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE)
async def put_document(  # each is a part of the request
    record_id: UUID,
    document_id: UUID,
    body: PersonalDocument,
    request: Request,
    response: Response,
    caller: AuthenticatedCaller,
    prefer: Annotated[str | None, Header(description="`wait=N`: answer when it is published or refused.")] = None,
) -> DepositProgress:
    """By the holder, a representative, a carer. `document_id` is chosen by the sender: the same request again is the
    same document. Invisible until it is checked, as every deposit; GET /deposits/{id} follows it."""
    who = depositing(caller)
    if not who.is_of_patient_side:
        raise ForbiddenError("This is for patients and who acts for them; others deposit by POST /fhir.")
    raw = await request.body()
    submission = submission_of(_personal(document_id, body, raw), clock.now())
    where = Where(parts_of(request).ins_hmac, record_id)
    desk = desk_of(request)
    deposited = await deposit_documents(desk, where, who, submission, raw)
    tracked = await wait_settled(desk.pool, who.owner, deposited.id, seconds_to_wait(prefer))
    if tracked is None:
        raise NotFoundError
    response.headers["location"] = f"/deposits/{deposited.id}"
    return progress_of(tracked)


def _personal(document_id: UUID, body: PersonalDocument, raw: bytes) -> Personal:
    try:
        content = pybase64.b64decode(body.content, validate=True)
    except ValueError as error:
        raise Base64InvalidError from error
    return Personal(
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
