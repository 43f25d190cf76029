"""The pages of a forgotten password: a code goes to the contact on file, and a new password is chosen."""

from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request, Response

from services.identity.accounts.api.dependencies import (
    ProvidedAccountRules,
    device_of,
    min_response_time,
    source_of,
)
from services.identity.accounts.domain.codes import CodeOverError
from services.identity.accounts.usecases.finish_password_reset import PasswordReset, finish_password_reset
from services.identity.accounts.usecases.start_password_reset import start_password_reset
from services.identity.browser_sessions.pages.cookies import DEVICE
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import field_error, form_page, typed
from shared.errors import ClientError, OverloadedError
from shared.human_text import compact_code
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.pages import message_of, pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/connexion/oubli"
NEW_PASSWORD: Final = "/connexion/nouveau"  # noqa: S105 - a path
FORGOTTEN_FORM: Final = "browser_sessions/forgotten.html"
PASSWORD_FORM: Final = "browser_sessions/new_password.html"  # noqa: S105 - a template
_FIELDS: Final = {
    "code-wrong": ("code", "sign-in.code-wrong"),
    "password-length": ("password", "sign-in.password-length"),
    "password-weak": ("password", "sign-in.password-weak"),
    "password-personal": ("password", "sign-in.password-personal"),
}


@router.get(PATH)
async def get_forgotten(request: Request) -> Response:
    """Asks whose password it is."""
    return form_page(request, FORGOTTEN_FORM, Form())


@router.post(PATH)
async def post_forgotten(request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules) -> Response:
    """Sends a code; answer and time are the same where the identifier does not exist."""
    form, errors = await read_form(request), FieldErrors()
    identifier = form.text("identifier")[:254]
    if not identifier:
        errors.add("identifier", "sign-in.identifier-needed")
        return form_page(request, FORGOTTEN_FORM, form, errors, status=422)
    try:
        async with min_response_time(rules.refusal_s, also_success=True):
            credentials = identifier, request.cookies.get(DEVICE)
            challenge_id = await start_password_reset(storage, rules, credentials, source_of(request))
    except OverloadedError:
        raise
    except ClientError as error:
        return form_page(request, FORGOTTEN_FORM, form, problem=message_of(request, error), status=error.status)
    return see_other(f"{NEW_PASSWORD}?{urlencode({'challenge': str(challenge_id)})}")


@router.get(NEW_PASSWORD)
async def get_new_password(request: Request, challenge: Annotated[UUID, Query()]) -> Response:
    """Asks for the code and a new password."""
    return form_page(request, PASSWORD_FORM, Form((("challenge", str(challenge)),)))


@router.post(NEW_PASSWORD)
async def post_new_password(request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules) -> Response:
    """Sets the new password and ends all sessions; the person signs in with it."""
    form = await read_form(request)
    try:
        reset = PasswordReset(
            form.uuid("challenge", CodeOverError),
            compact_code(form.text("code")[:100]),
            typed(form, "password"),
            device_of(request),
        )
        async with min_response_time(rules.refusal_s):
            await finish_password_reset(storage, rules, reset)
    except OverloadedError:
        raise
    except ClientError as error:
        errors = field_error(error, _FIELDS)
        if errors is None:
            return form_page(request, FORGOTTEN_FORM, form, problem=message_of(request, error), status=error.status)
        return form_page(request, PASSWORD_FORM, form, errors, status=error.status)
    return pages_of(request).page(request, "browser_sessions/password_changed.html")
