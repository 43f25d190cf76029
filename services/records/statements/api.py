"""The routes of statements: deposited as a document of the patient side, and read in words."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.deposits.api.doors import progress_answer
from services.records.deposits.domain.personal import OwnDocument, submission_of
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import InsHmac, access_headers, caller_of
from services.records.statements.domain.statements import STATEMENTS_TYPE, checked, statements_content
from services.records.statements.models import StatementDocumentView, StatementsBody, StatementsView
from services.records.statements.usecases.read_statements import list_statements
from services.records.tracking.models import DepositProgress
from services.records.tracking.steps.depositor import depositor_of
from shared.access.personal_space import ENTRY_TYPES
from shared.errors import ForbiddenError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.moments import FRANCE
from shared.runtime import clock
from shared.terminology.statements import StatementForm

router = APIRouter(route_class=Door, tags=["Statements"])
_TITLES: dict[StatementForm, str] = {
    "health-profile": "Profil de santé",
    "wishes": "Volontés",
    "directives": "Directives anticipées",
    "note": "Note",
}
_DEPOSITING: dict[int | str, dict[str, Any]] = {
    403: {"description": "Statements are for the patient side; a carer replaces the own ones alone."},
    404: {"description": "There is no such record, or you may not deposit in it."},
    409: {"description": "`unique-id-taken`: this id already names another document."},
    422: {
        "description": "`blood-group-stated`, `statement-kind-unknown`, `statement-text-invalid`, "
        "`statement-date-invalid`, `statement-code-invalid`, `record-closed`, `replaced-document-unknown`, `invalid`"
    },
    503: {"description": "Your right to act for the holder cannot be checked now; see Retry-After."},
}
_READING: dict[int | str, dict[str, Any]] = {
    403: {"description": "This kind of token does not search a record."},
    404: {"description": "There is no such record, or you may not know of it."},
    503: {"description": "The patient's choices cannot be checked now; see Retry-After."},
}


@router.put(
    "/records/{record_id}/statements/{document_id}",
    operation_id="putStatements",
    status_code=201,
    summary="State something about yourself",
    responses=_DEPOSITING,
)
@urgent(Urgency.DEPOSIT)
async def put_statements(  # noqa: PLR0913  # each is a part of the request or of the app
    record_id: UUID,
    document_id: UUID,
    body: StatementsBody,
    request: Request,
    response: Response,
    caller: AuthenticatedCaller,
    context: InjectedReadContext,
    ins_hmac: InsHmac,
    prefer: Annotated[str | None, Header(description="`wait=N`: wait N s for the publication or refusal.")] = None,
) -> DepositProgress:
    """Deposits a form with its statements, as the holder, a representative or a carer; it is marked with who states it.

    It is a document: replace it with `replaces`, mask, archive and delete it as such. Doctors see it as a proposal.
    """
    depositor = depositor_of(caller)
    if not depositor.is_of_patient_side:
        raise ForbiddenError("This is for patients, their representatives and carers.")
    now = clock.now()
    statements = checked(body.form, [each.statement() for each in body.statements], now.astimezone(FRANCE).date())
    document = OwnDocument(
        id=document_id,
        type=ENTRY_TYPES[body.form],
        title=body.title or _TITLES[body.form],
        content_type=STATEMENTS_TYPE,
        content=statements_content(body.form, statements),
        base64=None,
        masked=body.masked,
        hidden_from_representatives=body.hidden_from_representatives,
        replaces=body.replaces,
    )
    submission, raw = submission_of(document, now), await request.body()
    deposited = await deposit_documents(context, RecordLocator(ins_hmac, record_id), depositor, submission, raw)
    return await progress_answer(request, response, context.pool, depositor, deposited.id, prefer)


@router.get(
    "/records/{record_id}/statements",
    operation_id="listStatements",
    summary="Read what the patient side states",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses=_READING,
)
async def get_statements(
    record_id: UUID,
    request: Request,
    response: Response,
    context: InjectedReadContext,
    form: Annotated[StatementForm | None, Query(description="one form; without it all")] = None,
) -> StatementsView:
    """Returns the current statements that you may see, each document with who declares it; the newest 50 documents."""
    documents = await list_statements(context, await caller_of(request), record_id, form)
    response.headers.update({"cache-control": "no-store", **access_headers(request)})
    return StatementsView(documents=[StatementDocumentView.of(document) for document in documents])
