"""The pages on which a professional signs in with Pro Santé Connect. The token stays in cookies, and is never shown."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.identity.browser_sessions.pages.cookies import SESSION
from services.identity.browser_sessions.pages.sign_in import signed_in
from services.identity.browser_sessions.usecases.start_professional_session import start_professional_session
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.professionals.api import NO_STORE, ProvidedProfessionalRules, counted_refusals
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.psc import SIGN_IN_LIFETIME, PagesProvider, cookie_name
from services.identity.professionals.usecases.begin_professional_sign_in import begin_professional_sign_in
from services.identity.professionals.usecases.finish_professional_sign_in import ProviderCallback, prove_professional
from shared.errors import ClientError, NotAuthenticatedError
from shared.http.app import verify_caller
from shared.http.dependencies import provided
from shared.web.doors import page_router
from shared.web.pages import message_of, pages_of
from shared.web.session import ACCESS

router = page_router()
PATH: Final = "/soins"
START: Final = "/soins/connexion"
BACK: Final = "/session/pro-sante-connect"
"""Below the path of the session's cookie, so that a session of somebody else in this browser can end."""
CallbackParameter = Annotated[str | None, Query(max_length=2048)]


@dataclass(frozen=True)
class ProfessionalContext:
    """The database, the provider and the rules by which professionals sign in to a browser."""

    storage: ProvidedStorage
    issuer: ProvidedIssuer
    rules: ProvidedProfessionalRules
    provider: Annotated[PagesProvider, Depends(provided(PagesProvider))]


ProvidedProfessionalContext = Annotated[ProfessionalContext, Depends()]


@router.get(PATH)
async def get_professional(request: Request, context: ProvidedProfessionalContext) -> Response:
    """Shows who is signed in as a professional, or how one signs in."""
    professional_id = ""
    if ACCESS in request.cookies:
        caller = await verify_caller(request)
        if caller.kind not in ("professional", "patient"):
            raise NotAuthenticatedError
        professional_id = caller.id if caller.kind == "professional" else ""
    is_set_up = context.provider.provider is not None
    return pages_of(request).page(
        request, "browser_sessions/professional.html", professional_id=professional_id, is_set_up=is_set_up, problem=""
    )


@router.get(START)
async def get_start(request: Request, context: ProvidedProfessionalContext) -> Response:
    """Leads to Pro Santé Connect. Only the browser that began can come back."""
    with counted_refusals("sign-in-professional"):
        redirection = await begin_professional_sign_in(
            context.storage.pool, context.provider.require(), context.rules, None, StatedAccess(), None
        )
    response = RedirectResponse(redirection.url, 303, NO_STORE)
    sign_in = redirection.sign_in
    response.set_cookie(
        sign_in.cookie_name,
        sign_in.browser_secret,
        max_age=int(SIGN_IN_LIFETIME.total_seconds()),
        path=BACK,
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get(BACK)
async def get_back(
    request: Request,
    context: ProvidedProfessionalContext,
    state: Annotated[str, Query(max_length=256)] = "",
    code: CallbackParameter = None,
    iss: CallbackParameter = None,
) -> Response:
    """Starts the session of the professional who returns; a patient's session in this browser ends, and a page says so.

    The state is used once and belongs to this browser, so that no link of somebody else can sign a person in.
    """
    name = cookie_name(state)
    callback = ProviderCallback(state, request.cookies.get(name, ""), code, iss)
    try:
        with counted_refusals("sign-in-professional"):
            provider = context.provider.require()
            session_request = await prove_professional(context.storage.pool, provider, context.rules, callback)
            tokens = await start_professional_session(
                context.storage, context.issuer, context.rules, session_request, request.cookies.get(SESSION)
            )
    except ClientError as error:
        problem = message_of(request, error)
        words = {"professional_id": "", "is_set_up": True, "problem": problem}
        return pages_of(request).page(request, "browser_sessions/professional.html", status=error.status, **words)
    response = await signed_in(request, context.storage, tokens, PATH)
    response.delete_cookie(name, path=BACK, secure=True, httponly=True, samesite="lax")
    return response
