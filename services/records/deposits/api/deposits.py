"""The route POST /fhir: the deposit of an ITI-65 submission."""

import contextlib
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.deposits.api.documentation import DEPOSIT
from services.records.deposits.api.doors import organisation_depositor
from services.records.deposits.domain.submissions import parse_and_check, warnings_of
from services.records.deposits.usecases.deposit_documents import AcceptedDeposit, RecordLocator, deposit_documents
from services.records.deposits.usecases.quarantine_doors import FHIR
from services.records.facts.context import InjectedReadContext
from services.records.kit.bodies import LARGE, InjectedBodyLimit, check_json
from services.records.kit.operation_outcomes import refused_submission
from services.records.kit.requests import InsHmac
from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.context import InjectedQuarantine
from services.records.quarantine.domain.requests import RefusedRequest
from services.records.quarantine.steps.keep_refused import keep_refused
from services.records.tracking.steps.outcomes import wait_for_outcome
from services.records.tracking.store import TrackedDeposit, TrackedDocument
from shared.errors import ClientError
from shared.fhir.answer_bundles import EntryResponse, transaction_response
from shared.fhir.outcomes import Issue, IssueType, Severity
from shared.fhir.submission import InvalidSubmissionError, Submission
from shared.fhir.write import FHIR_JSON
from shared.http.admission import Urgency, urgent
from shared.http.door import AS_THE_SERVICE, Door, takes
from shared.http.prefer import seconds_to_wait
from shared.runtime.metrics import REFUSED

router = APIRouter(route_class=Door)
CREATED = "201 Created"


@router.post("/fhir", operation_id="depositDocuments", **DEPOSIT)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE)
async def deposit(
    request: Request,
    context: InjectedReadContext,
    ins_hmac: InsHmac,
    large: InjectedBodyLimit,
    quarantine: InjectedQuarantine,
) -> Response:
    """Deposits a submission. It parses the bytes itself, because this is the hot path."""
    depositor = await organisation_depositor(request)
    check_json(request)
    body = await request.body()
    async with large if len(body) > LARGE else contextlib.nullcontext():
        try:
            submission = await in_thread_if_large(len(body), parse_and_check, body)
            deposited = await deposit_documents(context, RecordLocator(ins_hmac), depositor, submission, body)
        except ClientError as error:
            await keep_refused(quarantine, depositor, RefusedRequest(FHIR, body), error)
            if isinstance(error, InvalidSubmissionError):
                REFUSED.labels("deposit-document", error.issues[0].code).inc()
                return refused_submission(error)
            raise
    seconds = seconds_to_wait(request.headers.get("prefer"))
    tracked = await wait_for_outcome(context.pool, depositor.owner, deposited.id, seconds) if seconds else None
    return _answer(submission, deposited, tracked)


def _answer(submission: Submission, deposited: AcceptedDeposit, tracked: TrackedDeposit | None) -> Response:
    entries = [_entry_of(kind, deposited.id) for kind in submission.entries]
    progress = {document.id: document for document in tracked.documents} if tracked else {}
    for document, id in zip(submission.documents, deposited.document_ids, strict=True):
        issues = (_issue_of(deposited.id, progress.get(id)), *warnings_of(document))
        entries[document.entry] = EntryResponse(CREATED, f"DocumentReference/{id}", 'W/"1"', issues=issues)
        entries[document.binary_entry] = EntryResponse(CREATED, f"Binary/{id}", 'W/"1"')
    headers = {"location": f"/deposits/{deposited.id}"}
    return Response(transaction_response(entries), 200, headers, FHIR_JSON)


def _entry_of(kind: str, deposit_id: UUID) -> EntryResponse:
    """Returns the response for one entry: the SubmissionSet becomes the deposit, a Patient is compared, not stored."""
    return EntryResponse(CREATED, f"List/{deposit_id}", 'W/"1"') if kind == "List" else EntryResponse("200 OK")


def _issue_of(deposit_id: UUID, document: TrackedDocument | None) -> Issue:
    status = document.status if document else "received"
    match status:
        case "published":
            text = "Published: visible from now on, within its security labels."
            return Issue("document-published", text, None, IssueType.INFORMATIONAL, Severity.INFORMATION)
        case "refused":
            text = f"Refused: never visible. See /deposits/{deposit_id}."
            code = (document.disclosed_reason if document else None) or "refused"
            return Issue(code, text, None, IssueType.BUSINESS_RULE, Severity.ERROR)
        case _:
            text = f"Accepted, invisible until it is checked. Follow it at /deposits/{deposit_id}."
            return Issue("deposit-accepted", text, None, IssueType.INFORMATIONAL, Severity.INFORMATION)
