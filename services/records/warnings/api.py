"""The routes of warnings at a prescription."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import access_headers, caller_of, is_french
from services.records.warnings.context import InjectedWarningContext
from services.records.warnings.domain.prescription import Prescription
from services.records.warnings.domain.words import Language
from services.records.warnings.models.bodies import AcknowledgementBody, PrescriptionBody
from services.records.warnings.models.views import (
    AcknowledgementListView,
    AcknowledgementView,
    MadeAcknowledgementsView,
    WarningsView,
)
from services.records.warnings.usecases.acknowledge_warnings import AcknowledgedWarnings, acknowledge_warnings
from services.records.warnings.usecases.give_warnings import give_warnings
from services.records.warnings.usecases.list_acknowledgements import list_acknowledgements
from shared.http.admission import Urgency, urgent
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["Warnings"])
_OFF = "`warnings-off`: this installation gives none. "
_OTHER = {"description": "`prescription-unreadable`; `patient-mismatch`: the document names another person."}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": _OFF + "`not-a-professional`; or this kind of token does not permit it."},
    404: {"description": "There is no such record, or you may not know of it."},
    503: {"description": "`cannot-be-checked-now`: your rights cannot be checked now; see Retry-After."},
}


@router.post(
    "/records/{record_id}/warnings",
    operation_id="giveWarnings",
    summary="Compare a prescription with a record",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses={**_ANSWERS, 422: _OTHER},
)
@urgent(Urgency.READ)
async def post_warnings(
    record_id: UUID,
    body: PrescriptionBody,
    request: Request,
    response: Response,
    context: InjectedReadContext,
    warnings: InjectedWarningContext,
) -> WarningsView:
    """Returns warnings: allergies, interactions, the same substance twice, the same exam a short time ago.

    The prescription is its items, or its document (CDA), whose header names the person of the record. Warnings rest on
    the documents that you may see, and name them; the person may have masked others. Nothing of the prescription is
    kept. The reading is in the ledger as one of the summary sheet. This is no certified medical device.
    """
    caller = await caller_of(request)
    warnings.require(caller)
    checked = await give_warnings(context, warnings, caller, record_id, await _parsed(body))
    response.headers.update({"cache-control": "no-store", **access_headers(request)})
    return WarningsView.of(checked, _language(request))


@router.post(
    "/records/{record_id}/warnings/acknowledgements",
    operation_id="acknowledgeWarnings",
    status_code=201,
    summary="Acknowledge warnings of a prescription, with the reason",
    openapi_extra=AUTHENTICATED,
    responses={
        **_ANSWERS,
        422: _OTHER,
        409: {"description": "`warnings-changed`: one of them is none any more; compare the prescription again."},
    },
)
async def post_acknowledgements(
    record_id: UUID,
    body: AcknowledgementBody,
    request: Request,
    context: InjectedReadContext,
    warnings: InjectedWarningContext,
) -> MadeAcknowledgementsView:
    """Keeps, sealed in the record, that you acknowledged the warnings and why; the ledger has an entry of each.

    The patient reads it in words. It follows the document on which the warning rests: whoever may not see that sees
    nothing of it.
    """
    caller = await caller_of(request)
    warnings.require(caller)
    acknowledged = AcknowledgedWarnings(await _parsed(body.prescription), body.warnings, body.reason)
    made = await acknowledge_warnings(context, warnings, caller, record_id, acknowledged)
    return MadeAcknowledgementsView(acknowledgements=made)


@router.get(
    "/records/{record_id}/warnings/acknowledgements",
    operation_id="listAcknowledgements",
    summary="List the warnings that professionals acknowledged",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses={**_ANSWERS, 403: {"description": "This kind of token does not permit it."}},
)
async def get_acknowledgements(
    record_id: UUID, request: Request, response: Response, context: InjectedReadContext
) -> AcknowledgementListView:
    """Returns the acknowledged warnings of the documents that you may see, newest first, in words for the patient.

    Also where warnings are off now. The reading is in the ledger as one of the summary sheet.
    """
    stored = await list_acknowledgements(context, await caller_of(request), record_id)
    response.headers.update({"cache-control": "no-store", **access_headers(request)})
    language = _language(request)
    return AcknowledgementListView(acknowledgements=[AcknowledgementView.of(each, language) for each in stored])


async def _parsed(body: PrescriptionBody) -> Prescription:
    return body.parsed() if body.cda is None else await asyncio.to_thread(body.parsed)


def _language(request: Request) -> Language:
    return "fr" if is_french(request) else "en"
