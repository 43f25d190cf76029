"""The page on which a person closes their record or reopens it, and reads first what that means."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Request, Response

from services.identity.accounts.api.dependencies import ProvidedAccountRules
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import field_error, typed
from services.identity.lifecycle.api.lifecycle import ProvidedLifecycleRules, lifecycle_request
from services.identity.lifecycle.usecases.close_record import close_record
from services.identity.lifecycle.usecases.move_record import move_record
from services.identity.lifecycle.usecases.read_own_record import read_own_record
from services.identity.lifecycle.usecases.read_record import read_record
from services.identity.people.domain.new_person import RecordState
from shared.errors import ClientError, SessionOverError
from shared.http.app import AuthenticatedCaller
from shared.http.prefer import wait_for
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, read_form
from shared.web.pages import Page, message_of, pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/dossier/{record_id}/fermer"
IN_FORCE_S: Final = 3.0
"""Seconds for which the page waits until a change is in force in the other services."""
_FIELDS: Final = {
    "password-wrong": ("password", "closing.password-wrong"),
    "password-needed": ("password", "closing.password-needed"),
}


@router.get(PATH)
async def get_closing(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    fait: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Says what closing or reopening means, and asks for it."""
    record = await read_own_record(storage, caller, record_id)
    return _page(request, record, is_done=bool(fait))


@router.post(PATH)
async def post_closing(
    request: Request,
    record_id: UUID,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    accounts: ProvidedAccountRules,
    rules: ProvidedLifecycleRules,
) -> Response:
    """Closes the record, confirmed with the password, or reopens it."""
    form = await read_form(request)
    try:
        if form.text("act") == "reopen":
            await move_record(storage, rules, record_id, lifecycle_request("reopen", caller, record_id))
        else:
            closing = lifecycle_request("close", caller, record_id)
            await close_record(storage, accounts, rules, record_id, closing, typed(form, "password"))
    except SessionOverError:
        raise
    except ClientError as error:
        errors = field_error(error, _FIELDS)
        if errors is None and error.status not in (409, 422, 429):
            raise
        record = await read_own_record(storage, caller, record_id)
        return _page(request, record, errors, "" if errors else message_of(request, error), status=error.status)
    await wait_for(lambda: read_record(storage.pool, record_id), lambda state: state.is_in_force, IN_FORCE_S)
    return see_other(f"{PATH.format(record_id=record_id)}?fait=1")


def _page(
    request: Request,
    record: RecordState,
    errors: FieldErrors | None = None,
    problem: str = "",
    *,
    is_done: bool = False,
    status: int = 200,
) -> Page:
    return pages_of(request).page(
        request,
        "lifecycle/closing.html",
        status=status,
        record=record,
        errors=errors or FieldErrors(),
        problem=problem,
        is_done=is_done,
    )
