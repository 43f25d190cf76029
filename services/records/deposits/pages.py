"""The page /dossier/{id}/documents/ajouter: a document of the patient side, by a form."""

from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.deposits.domain.media_types import OWN, recognised
from services.records.deposits.domain.personal import OwnDocument, submission_from
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.facts.context import InjectedReadContext
from services.records.kit.requests import InsHmac
from services.records.kit.threads import in_thread_if_large
from services.records.tracking.steps.depositor import Depositor, depositor_of
from services.records.tracking.steps.outcomes import wait_for_outcome
from shared.access.facts import PATIENT_SIDE
from shared.errors import ForbiddenError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import AS_THE_SERVICE, takes
from shared.http.tokens import Caller
from shared.moments import FRANCE
from shared.runtime import clock
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, new_form_id, read_form
from shared.web.languages import language_of
from shared.web.pages import pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/dossier/{record_id:uuid}/documents/ajouter"
KINDS: Final = {
    "own.kind-report": "DOCPAT03",
    "own.kind-care": "DOCPAT02",
    "own.kind-laboratory": "DOCPAT05",
    "own.kind-imaging": "DOCPAT04",
    "own.kind-prevention": "DOCPAT06",
    "own.kind-certificate": "DOCPAT07",
    "own.kind-summary": "DOCPAT01",
    "own.kind-administrative": "DOCPAT09",
    "own.kind-other": "EXPPAT_2",
}
"""What people call the types that they may deposit: keys of texts. Directives and wishes have forms of their own."""
ACCEPTED: Final = ",".join(media_type for format_ in OWN for media_type in format_.media_types)
LONGEST_TITLE: Final = 200
LONGEST_WAIT_S: Final = 2.0
"""Seconds for which the answer waits for the check; later the list shows the document."""
_NO_ERRORS: Final = FieldErrors()


@router.get(PATH)
async def form(record_id: UUID, request: Request, caller: AuthenticatedCaller) -> Response:
    """Shows the empty form."""
    _check_patient_side(caller)
    return _page(request, record_id, Form(), _NO_ERRORS, new_form_id())


@router.post(PATH)
@urgent(Urgency.DEPOSIT)
@takes(AS_THE_SERVICE, binary=True)
async def add(
    record_id: UUID, request: Request, context: InjectedReadContext, ins_hmac: InsHmac, caller: AuthenticatedCaller
) -> Response:
    """Deposits the document. The id of the form is that of the document: sent twice, it is deposited once."""
    depositor, raw = _check_patient_side(caller), await request.body()
    sent, now = await read_form(request), clock.now()
    errors = _errors(sent, now)
    if errors:
        return _page(request, record_id, sent, errors, str(sent.id), status=422)
    submission = await in_thread_if_large(len(raw), submission_from, _document(sent), now)
    deposit = await deposit_documents(context, RecordLocator(ins_hmac, record_id), depositor, submission, raw)
    tracked = await wait_for_outcome(context.pool, depositor.owner, deposit.id, LONGEST_WAIT_S)
    is_published = tracked is not None and all(document.status == "published" for document in tracked.documents)
    list_path = f"/dossier/{record_id}/documents"
    return see_other(f"{list_path}/{deposit.document_ids[0]}" if is_published else f"{list_path}?fait=ajoute")


def _check_patient_side(caller: Caller) -> Depositor:
    if caller.kind not in PATIENT_SIDE:
        raise ForbiddenError
    return depositor_of(caller)


def _page(request: Request, record_id: UUID, sent: Form, errors: FieldErrors, id: str, status: int = 200) -> Response:
    pages = pages_of(request)
    t = pages.words(language_of(request))
    kinds = [("", ""), *((code, t(key)) for key, code in KINDS.items())]
    values = {"record": record_id, "form": sent, "errors": errors, "kinds": kinds, "accept": ACCEPTED, "id": id}
    return pages.page(request, "deposits/own.html", status=status, **values)


def _errors(sent: Form, now: datetime) -> FieldErrors:
    errors, file = FieldErrors(), sent.files.get("fichier")
    if file is None or not file.content:
        errors.add("fichier", "own.no-file")
    elif recognised(file.content) not in OWN:
        errors.add("fichier", "own.wrong-format")
    if not 0 < len(sent.text("titre")) <= LONGEST_TITLE:
        errors.add("titre", "own.no-title")
    if sent.text("genre") not in KINDS.values():
        errors.add("genre", "own.no-kind")
    day = _day(sent.text("date"))
    if sent.text("date") and (day is None or not date(1900, 1, 1) <= day <= now.astimezone(FRANCE).date()):
        errors.add("date", "own.wrong-date")
    return errors


def _document(sent: Form) -> OwnDocument:
    """Returns the document of a form without errors; its media type is that of its bytes."""
    content, day = sent.files["fichier"].content, _day(sent.text("date"))
    return OwnDocument(
        id=sent.id,
        type=sent.text("genre"),
        title=sent.text("titre"),
        content_type=recognised(content).media_types[0],
        content=content,
        base64=None,
        creation=None if day is None else datetime.combine(day, time(12), FRANCE),
        masked=sent.is_checked("masque"),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
