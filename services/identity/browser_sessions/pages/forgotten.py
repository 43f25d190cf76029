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
from services.identity.kit.page_errors import field_error, message_of, typed
from shared.errors import ClientError, OverloadedError
from shared.human_text import compact_code
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.pages import Page, pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/connexion/oubli"
NEW_PASSWORD: Final = "/connexion/nouveau"  # noqa: S105 - a path
_FIELDS: Final = {
    "code-wrong": ("code", "sign-in.code-wrong"),
    "password-length": ("password", "sign-in.password-length"),
    "password-weak": ("password", "sign-in.password-weak"),
    "password-personal": ("password", "sign-in.password-personal"),
}


@router.get(PATH)
async def get_forgotten(request: Request) -> Response:
    """Asks whose password it is."""
    return _forgotten_page(request, Form())


@router.post(PATH)
async def post_forgotten(request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules) -> Response:
    """Sends a code; answer and time are the same where the identifier does not exist."""
    form, errors = await read_form(request), FieldErrors()
    identifier = form.text("identifier")[:254]
    if not identifier:
        errors.add("identifier", "sign-in.identifier-needed")
        return _forgotten_page(request, form, errors, status=422)
    try:
        async with min_response_time(rules.refusal_s, also_success=True):
            credentials = identifier, request.cookies.get(DEVICE)
            challenge_id = await start_password_reset(storage, rules, credentials, source_of(request))
    except OverloadedError:
        raise
    except ClientError as error:
        return _forgotten_page(request, form, problem=message_of(request, error), status=error.status)
    return see_other(f"{NEW_PASSWORD}?{urlencode({'challenge': str(challenge_id)})}")


@router.get(NEW_PASSWORD)
async def get_new_password(request: Request, challenge: Annotated[UUID, Query()]) -> Response:
    """Asks for the code and a new password."""
    return _password_page(request, Form((("challenge", str(challenge)),)))


@router.post(NEW_PASSWORD)
async def post_new_password(request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules) -> Response:
    """Sets the new password and ends all sessions; the person signs in with it."""
    form = await read_form(request)
    try:
        reset = PasswordReset(
            UUID(form.text("challenge")),
            compact_code(form.text("code")[:100]),
            typed(form, "password"),
            device_of(request),
        )
        async with min_response_time(rules.refusal_s):
            await finish_password_reset(storage, rules, reset)
    except ValueError:
        return _forgotten_page(request, form, problem=message_of(request, CodeOverError()), status=403)
    except OverloadedError:
        raise
    except ClientError as error:
        errors = field_error(error, _FIELDS)
        if errors is None:
            return _forgotten_page(request, form, problem=message_of(request, error), status=error.status)
        return _password_page(request, form, errors, status=error.status)
    return pages_of(request).page(request, "browser_sessions/password_changed.html")


def _forgotten_page(
    request: Request, form: Form, errors: FieldErrors | None = None, *, problem: str = "", status: int = 200
) -> Page:
    return pages_of(request).page(
        request,
        "browser_sessions/forgotten.html",
        status=status,
        form=form,
        errors=errors or FieldErrors(),
        problem=problem,
    )


def _password_page(request: Request, form: Form, errors: FieldErrors | None = None, *, status: int = 200) -> Page:
    return pages_of(request).page(
        request, "browser_sessions/new_password.html", status=status, form=form, errors=errors or FieldErrors()
    )
