"""The routes of professionals' sign-in (Pro Santé Connect, card), and of proofs that the patient's card was read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.identity.clients.api.dependencies import ProvidedCertificateAuth, ProvidedIssuer
from services.identity.clients.models import TokenView
from services.identity.kit.dependencies import ProvidedKeyrings
from services.identity.kit.problems import problems
from services.identity.kit.unit_of_work import Storage
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.presence import ProfessionalSessionNeededError
from services.identity.professionals.domain.professionals import ProfessionalRules
from services.identity.professionals.domain.psc import SIGN_IN_LIFETIME, ConfiguredProvider, StartedSignIn, cookie_name
from services.identity.professionals.models import (
    Mode,
    OrganisationId,
    PresenceBody,
    ProfessionalSignInBody,
    ProviderSignInBody,
    RedirectionView,
)
from services.identity.professionals.usecases.begin_professional_sign_in import (
    ProviderRedirect,
    begin_professional_sign_in,
)
from services.identity.professionals.usecases.finish_professional_sign_in import (
    ProviderCallback,
    finish_professional_sign_in,
)
from services.identity.professionals.usecases.prove_presence import prove_presence
from services.identity.professionals.usecases.resolve_stated_access import resolve_stated_access
from services.identity.professionals.usecases.sign_in_with_card import sign_in_with_card
from shared.errors import ClientError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.runtime.metrics import REFUSED

router = APIRouter(route_class=Door, tags=["professionals"])
COOKIE_PATH = "/professionals"
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache", "referrer-policy": "no-referrer"}
_MODES = "mode-unknown, motive-invalid, patient-not-named, ins-malformed, ins-system-unknown"
_ADMITTED = (
    "professional-not-in-directory, profession-differs, structure-differs, occupational-medicine-never, "
    "mode-not-fitting, emergency-unavailable, new-sign-in-needed"
)
CallbackParameter = Annotated[str | None, Query(max_length=2048)]
ProvidedProfessionalRules = Annotated[ProfessionalRules, Depends(provided(ProfessionalRules))]


@dataclass(frozen=True)
class SignInContext:
    """The keys, the rules and the identity providers with which professionals and software get tokens."""

    keyrings: ProvidedKeyrings
    issuer: ProvidedIssuer
    certificates: ProvidedCertificateAuth
    provider: Annotated[ConfiguredProvider, Depends(provided(ConfiguredProvider))]
    rules: ProvidedProfessionalRules


ProvidedSignInContext = Annotated[SignInContext, Depends()]


@router.get(
    "/professionals/sign-in",
    operation_id="redirectToProvider",
    summary="Sign in with Pro Santé Connect",
    status_code=303,
    response_class=Response,
    responses=problems(_403="provider-not-set-up, emergency-unavailable", _422=_MODES, _503="provider-unavailable"),
)
async def get_sign_in(
    pool: ServicePool,
    context: ProvidedSignInContext,
    mode: Annotated[Mode, Query()] = "normal",
    organisation_id: Annotated[OrganisationId | None, Query()] = None,
) -> Response:
    """Redirects the browser to the provider.

    Modes with a motive need POST, because a motive must not appear in a URL.
    """
    with counted_refusals("sign-in-professional"):
        stated_access = await _stated_access(pool, context, ProfessionalSignInBody(mode=mode))
        redirection = await _start(pool, context, organisation_id, stated_access)
    return _with_cookie(RedirectResponse(redirection.url, 303, NO_STORE), context, redirection.sign_in)


@router.post(
    "/professionals/sign-in",
    operation_id="startProviderSignIn",
    summary="Sign in with Pro Santé Connect in any mode",
    responses=problems(_403="provider-not-set-up, emergency-unavailable", _422=_MODES, _503="provider-unavailable"),
)
async def post_professional_sign_in(
    body: ProviderSignInBody, response: Response, pool: ServicePool, context: ProvidedSignInContext
) -> RedirectionView:
    """Starts a sign-in in any mode, also with a motive, and returns the URL to which the browser must go."""
    with counted_refusals("sign-in-professional"):
        stated_access = await _stated_access(pool, context, body)
        redirection = await _start(pool, context, body.organisation_id, stated_access, body.prompt)
    response.headers.update(NO_STORE)
    _with_cookie(response, context, redirection.sign_in)
    return RedirectionView(authorization_url=redirection.url)


@router.get(
    "/professionals/callback",
    operation_id="finishProviderSignIn",
    summary="Return from Pro Santé Connect",
    responses=problems(
        _401="provider-token-invalid",
        _403=f"provider-refused, provider-claims-incomplete, {_ADMITTED}",
        _422="sign-in-over, acting-structure-needed",
        _503="provider-unavailable",
    ),
)
async def get_callback(
    request: Request,
    response: Response,
    pool: ServicePool,
    context: ProvidedSignInContext,
    state: Annotated[str, Query(max_length=256)] = "",
    code: CallbackParameter = None,
    iss: CallbackParameter = None,
) -> TokenView:
    """Returns a token of the professional, in the mode and for the structure stated at the start.

    Each sign-in can be finished once, in the browser that started it.
    """
    name = cookie_name(state)
    callback = ProviderCallback(state, request.cookies.get(name, ""), code, iss)
    with counted_refusals("sign-in-professional"):
        provider, rules = context.provider.require(), context.rules
        token = await finish_professional_sign_in(pool, context.issuer, provider, rules, callback)
    response.headers.update(NO_STORE)
    response.delete_cookie(name, path=COOKIE_PATH)
    return TokenView.of(token)


@router.post(
    "/professionals/card",
    operation_id="signInWithCard",
    summary="Sign in with a card (CPS)",
    responses=problems(
        _403=f"certificate-needed, certificate-untrusted, certificate-revoked, entrance-unknown, {_ADMITTED}",
        _422=f"{_MODES}, acting-structure-needed",
        _503="revocation-unknown",
    ),
)
async def post_card(
    body: ProfessionalSignInBody,
    request: Request,
    response: Response,
    pool: ServicePool,
    context: ProvidedSignInContext,
) -> TokenView:
    """Returns a token of the professional whose card was presented to the TLS entrance."""
    with counted_refusals("sign-in-card"):
        stated_access = await _stated_access(pool, context, body)
        certificate = await context.certificates.presented_certificate(request, "professional")
        token = await sign_in_with_card(
            pool, context.issuer, context.rules, certificate, body.organisation_id, stated_access
        )
    response.headers.update(NO_STORE)
    return TokenView.of(token)


@router.post(
    "/presence-proofs",
    operation_id="provePresence",
    summary="Prove that the patient is present",
    responses=problems(
        _403="professional-session-needed, presence-proof-invalid, presence-proof-expired, presence-proof-replayed, "
        "presence-elsewhere, professional-not-in-directory",
        _404="record-unknown",
    ),
)
async def post_presence_proof(
    body: PresenceBody,
    response: Response,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    context: ProvidedSignInContext,
) -> TokenView:
    """Takes a professional's token and returns a new one of its session, with the claim `patient_present`."""
    with counted_refusals("prove-presence"):
        if caller.kind != "professional":
            raise ProfessionalSessionNeededError
        token = await prove_presence(
            Storage(pool, context.keyrings), context.issuer, caller.actor(), caller.session_id, body.proof
        )
    response.headers.update(NO_STORE)
    return TokenView.of(token)


@contextmanager
def counted_refusals(action: str) -> Iterator[None]:
    """Counts the client errors raised in the block under that action."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels(action, error.code).inc()
        raise


async def _stated_access(pool: ServicePool, context: SignInContext, body: ProfessionalSignInBody) -> StatedAccess:
    motives = context.rules.motives
    return await resolve_stated_access(Storage(pool, context.keyrings), motives, body.mode, body.motive, body.patient)


async def _start(
    pool: ServicePool,
    context: SignInContext,
    organisation_id: str | None,
    stated_access: StatedAccess,
    prompt: str | None = None,
) -> ProviderRedirect:
    provider, rules = context.provider.require(), context.rules
    return await begin_professional_sign_in(pool, provider, rules, organisation_id, stated_access, prompt)


def _with_cookie(response: Response, context: SignInContext, sign_in: StartedSignIn) -> Response:
    """Sets the cookie with the browser secret, so that no other browser can use the state."""
    response.set_cookie(
        sign_in.cookie_name,
        sign_in.browser_secret,
        max_age=int(SIGN_IN_LIFETIME.total_seconds()),
        path=COOKIE_PATH,
        secure=context.issuer.url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response
