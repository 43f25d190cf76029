"""The routes under /quarantine: what is kept of the refused submissions of the caller's organisation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query

from services.records.quarantine.context import InjectedQuarantine, QuarantineContext
from services.records.quarantine.domain.causes import advice_of
from services.records.quarantine.models import (
    CauseView,
    QuarantineCorrection,
    QuarantinedDetail,
    QuarantinedView,
    QuarantinePage,
    QuarantineResult,
    QuarantineResults,
    QuarantineSelection,
    QuarantineSummary,
)
from services.records.quarantine.store.submissions import ALL, Selection
from services.records.quarantine.usecases.correct_quarantined import correct_quarantined
from services.records.quarantine.usecases.drop_quarantined import drop_quarantined
from services.records.quarantine.usecases.list_quarantine import count_quarantine, list_quarantine
from services.records.quarantine.usecases.resend_quarantined import resend_quarantined
from services.records.quarantine.usecases.show_quarantined import show_quarantined
from services.records.tracking.steps.depositor import Depositor, depositor_of
from shared.errors import TRY_LATER, ClientError, ForbiddenError, OverloadedError
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.http.tokens import Caller

LONGEST_S: Final = 20.0
"""Seconds after which a request for several submissions leaves the rest for the next one."""
router = APIRouter(route_class=Door, tags=["Quarantine"])
_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "Neither the software of an organisation, nor a professional who acts for one."}
}
_ANSWERS_OF_ONE: dict[int | str, dict[str, Any]] = {
    **_ANSWERS,
    404: {"description": "Your organisation has no such submission in quarantine."},
}


@router.get("/quarantine", operation_id="listQuarantine", summary="List your refused submissions", responses=_ANSWERS)
async def list_submissions(
    caller: AuthenticatedCaller,
    context: InjectedQuarantine,
    cause: Annotated[str | None, Query(max_length=64, examples=["traits-mismatch"])] = None,
    door: Annotated[str | None, Query(max_length=16, examples=["hl7v2"])] = None,
    after: Annotated[UUID, Query(description="from `next` of the page before")] = ALL,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> QuarantinePage:
    """Lists what was refused for a cause that you can mend, the oldest first, without any content."""
    page = await list_quarantine(context, _organisation(caller), Selection(after, limit, cause, door))
    stated = {"cause": cause, "door": door, "limit": limit, "after": page[-1].id if page else None}
    query = urlencode({name: value for name, value in stated.items() if value is not None})
    return QuarantinePage(
        submissions=[QuarantinedView.of(submission) for submission in page],
        next=f"/quarantine?{query}" if len(page) == limit else None,
    )


@router.get(
    "/quarantine/causes",
    operation_id="countQuarantine",
    summary="Count your refused submissions by cause",
    responses=_ANSWERS,
)
async def list_causes(caller: AuthenticatedCaller, context: InjectedQuarantine) -> QuarantineSummary:
    """Counts your submissions in quarantine by cause, and says what to do about each cause."""
    counted = await count_quarantine(context, _organisation(caller))
    return QuarantineSummary(causes=[CauseView.of(cause) for cause in counted])


@router.get(
    "/quarantine/{submission_id}",
    operation_id="getQuarantined",
    summary="Show a refused submission",
    responses=_ANSWERS_OF_ONE,
)
async def show_submission(
    submission_id: UUID, caller: AuthenticatedCaller, context: InjectedQuarantine
) -> QuarantinedDetail:
    """Shows the cause, what to do, and the fields that can be corrected. The ledger keeps who saw it."""
    shown = await show_quarantined(context, _organisation(caller), submission_id)
    advice = advice_of(shown.submission.cause)
    return QuarantinedDetail(
        **QuarantinedView.of(shown.submission).model_dump(),
        what_to_do=advice.english,
        what_to_do_fr=advice.french,
        correctable=list(context.doors[shown.submission.door].fields),
        fields=shown.fields,
    )


@router.post(
    "/quarantine/corrections",
    operation_id="correctQuarantined",
    summary="Correct the envelopes of refused submissions",
    responses=_ANSWERS,
)
async def correct_submissions(
    body: QuarantineCorrection, caller: AuthenticatedCaller, context: InjectedQuarantine
) -> QuarantineResults:
    """Sets fields of the envelopes. Nothing is sent, and no document is changed: a wrong one needs a new version."""
    depositor = _organisation(caller)

    async def correct(id: UUID) -> None:
        await correct_quarantined(context, depositor, id, body.fields)

    return await _for_each(context, depositor, body, correct)


@router.post(
    "/quarantine/resendings",
    operation_id="resendQuarantined",
    summary="Send refused submissions again",
    responses=_ANSWERS,
)
@urgent(Urgency.BULK)
async def resend_submissions(
    body: QuarantineSelection, caller: AuthenticatedCaller, context: InjectedQuarantine
) -> QuarantineResults:
    """Sends each through all checks of its door, with your present rights; what is accepted leaves quarantine."""
    depositor = _organisation(caller)

    async def resend(id: UUID) -> None:
        await resend_quarantined(context, depositor, id)

    return await _for_each(context, depositor, body, resend)


@router.post(
    "/quarantine/removals", operation_id="dropQuarantined", summary="Drop refused submissions", responses=_ANSWERS
)
async def drop_submissions(
    body: QuarantineSelection, caller: AuthenticatedCaller, context: InjectedQuarantine
) -> QuarantineResults:
    """Destroys each at once."""
    depositor = _organisation(caller)

    async def drop(id: UUID) -> None:
        await drop_quarantined(context, depositor, id)

    return await _for_each(context, depositor, body, drop)


@router.delete(
    "/quarantine/{submission_id}",
    operation_id="dropOneQuarantined",
    status_code=204,
    summary="Drop a refused submission",
    responses=_ANSWERS_OF_ONE,
)
async def drop_submission(submission_id: UUID, caller: AuthenticatedCaller, context: InjectedQuarantine) -> None:
    """Destroys it at once."""
    await drop_quarantined(context, _organisation(caller), submission_id)


def _organisation(caller: Caller) -> Depositor:
    """Returns the caller as a depositor of their organisation. Raises ForbiddenError for the patient side."""
    depositor = depositor_of(caller)
    if depositor.is_of_patient_side:
        raise ForbiddenError("This is for the software of an organisation, and for professionals who act for one.")
    return depositor


async def _for_each(
    context: QuarantineContext,
    depositor: Depositor,
    selection: QuarantineSelection,
    act: Callable[[UUID], Awaitable[None]],
) -> QuarantineResults:
    """Does the act for each selected submission, one after the other; an error ends none but its own.

    What is not reached in time is left for the next request.
    """
    clock = asyncio.get_running_loop().time
    selected = selection.ids or [each.id for each in await list_quarantine(context, depositor, selection.page)]
    ids = list(dict.fromkeys(selected))
    results, deadline = [], clock() + LONGEST_S
    for id in ids:
        if clock() > deadline:
            break
        results.append(await _result(id, act))
    is_last = len(ids) < selection.limit and len(results) == len(ids)
    if selection.ids is not None:
        results += [QuarantineResult(id=id, outcome="later", code=OverloadedError.code) for id in ids[len(results) :]]
    return QuarantineResults(
        results=results, next=results[-1].id if results and selection.ids is None and not is_last else None
    )


async def _result(id: UUID, act: Callable[[UUID], Awaitable[None]]) -> QuarantineResult:
    try:
        await act(id)
    except TRY_LATER as error:
        return QuarantineResult(id=id, outcome="later", code=error.code, detail=str(error))
    except ClientError as error:
        return QuarantineResult(id=id, outcome="refused", code=error.code, detail=str(error))
    return QuarantineResult(id=id, outcome="done")
