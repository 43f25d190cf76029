"""The pages of signing in: identifier and password, then a code; and a new password where it was forgotten."""

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
from services.identity.accounts.domain.accounts import SignInFactor
from services.identity.accounts.domain.codes import CodeOverError, CodeWrongError
from services.identity.accounts.usecases.start_sign_in import SignInAttempt, start_sign_in
from services.identity.browser_sessions.pages.cookies import DEVICE, SESSION, set_session, set_whose
from services.identity.browser_sessions.pages.session import To
from services.identity.browser_sessions.steps.start_session import BrowserTokens
from services.identity.browser_sessions.usecases.finish_browser_sign_in import BrowserAnswer, finish_browser_sign_in
from services.identity.browser_sessions.usecases.name_record import name_record
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import LONGEST_TYPED, form_page, typed
from services.identity.kit.unit_of_work import Storage
from shared.errors import ClientError, OverloadedError
from shared.human_text import compact_code
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.pages import message_of, pages_of
from shared.web.paths import own_path
from shared.web.session import SIGN_IN, see_other

router = page_router()
CODE: Final = "/session/code"
SIGN_IN_FORM: Final = "browser_sessions/sign_in.html"
CODE_FORM: Final = "browser_sessions/code.html"


@router.get(SIGN_IN)
async def get_sign_in(request: Request, to: To = "/") -> Response:
    """Asks for identifier and password."""
    return form_page(request, SIGN_IN_FORM, Form((("to", own_path(to)),)))


@router.post(SIGN_IN)
async def post_sign_in(request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules) -> Response:
    """Checks the password, sends a code and asks for it."""
    form = await read_form(request)
    errors = FieldErrors()
    identifier, password = form.text("identifier")[:LONGEST_TYPED], typed(form, "password")
    if not identifier:
        errors.add("identifier", "sign-in.identifier-needed")
    if not password:
        errors.add("password", "sign-in.password-needed")
    if errors:
        return form_page(request, SIGN_IN_FORM, form, errors, status=422)
    attempt = SignInAttempt(identifier, password, request.cookies.get(DEVICE), source_of(request))
    try:
        async with min_response_time(rules.refusal_s):
            challenge = await start_sign_in(storage, rules, attempt)
    except OverloadedError:
        raise
    except ClientError as error:
        return form_page(request, SIGN_IN_FORM, form, problem=message_of(request, error), status=error.status)
    parameters = {
        "challenge": str(challenge.challenge_id),
        "by": challenge.second_factor,
        "own": "1" if form.is_checked("own-device") else "",
        "to": own_path(form.text("to")),
    }
    return see_other(f"{CODE}?{urlencode(parameters)}")


@router.get(CODE)
async def get_code(
    request: Request,
    challenge: UUID,
    by: SignInFactor = "mail",
    own: Annotated[str, Query(max_length=1)] = "",
    to: To = "/",
) -> Response:
    """Asks for the code."""
    fields = (("challenge", str(challenge)), ("by", by), ("own", own), ("to", own_path(to)))
    return form_page(request, CODE_FORM, Form(fields))


@router.post(CODE)
async def post_code(
    request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules, issuer: ProvidedIssuer
) -> Response:
    """Checks the code and starts the session."""
    form, errors = await read_form(request), FieldErrors()
    code = compact_code(form.text("code")[:LONGEST_TYPED])
    if not code:
        errors.add("code", "sign-in.code-needed")
        return form_page(request, CODE_FORM, form, errors, status=422)
    answer = BrowserAnswer(
        form.uuid("challenge", CodeOverError),
        code,
        device_of(request),
        form.is_checked("own"),
        request.cookies.get(SESSION),
    )
    try:
        async with min_response_time(rules.refusal_s):
            tokens = await finish_browser_sign_in(storage, rules, issuer, answer)
    except CodeWrongError:
        errors.add("code", "sign-in.code-wrong")
        return form_page(request, CODE_FORM, form, errors, status=403)
    except CodeOverError as error:
        return form_page(request, SIGN_IN_FORM, form, problem=message_of(request, error), status=403)
    return await signed_in(request, storage, tokens, own_path(form.text("to")))


async def signed_in(request: Request, storage: Storage, tokens: BrowserTokens, target: str) -> Response:
    """Returns the redirect to the page that the person wanted, with the cookies of their session.

    Where the browser held the session of somebody else, a page first says that it has ended.
    """
    other, response = tokens.ended_other, see_other(target)
    if other is not None and other.record_id != tokens.record_id:
        is_patient = other.record_id is not None
        response = pages_of(request).page(request, "browser_sessions/changed.html", to=target, was_patient=is_patient)
    set_session(response, tokens)
    if tokens.record_id is not None:
        set_whose(response, await name_record(storage, tokens.record_id, tokens.record_id), tokens.kept_until)
    return response
