"""How professionals sign in: Pro Santé Connect, the card, and the presence of the patient's own card."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from services.identity.api.context import OurContext, problems
from services.identity.domain.modes import Stated
from services.identity.domain.presence import SessionOverError
from services.identity.domain.psc import LIFE, Begun, cookie_name
from services.identity.models.professionals import (
    Mode,
    OrganisationId,
    PresenceBody,
    ProviderSignInBody,
    RedirectionView,
    SignInBody,
)
from services.identity.models.tokens import TokenView
from services.identity.usecases.begin_professional_sign_in import Redirection, begin_professional_sign_in
from services.identity.usecases.finish_professional_sign_in import CameBack, finish_professional_sign_in
from services.identity.usecases.prove_presence import prove_presence
from services.identity.usecases.sign_in_with_card import sign_in_with_card
from services.identity.usecases.state_access import state_access
from shared.errors import ClientError
from shared.http.app import AuthenticatedCaller, ServicePool
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
Answer = Annotated[str | None, Query(max_length=2048)]


@router.get(
    "/professionals/sign-in",
    summary="Sign in with Pro Santé Connect",
    status_code=303,
    response_class=Response,
    responses=problems(_403="provider-not-set-up, emergency-unavailable", _422=_MODES, _503="provider-unavailable"),
)
async def get_sign_in(
    pool: ServicePool,
    context: OurContext,
    mode: Annotated[Mode, Query()] = "normal",
    organisation_id: Annotated[OrganisationId | None, Query()] = None,
) -> Response:
    """Sends the browser to the provider. Modes that need a motive: POST, since it must not stand in an address."""
    with counting("sign-in-professional"):
        stated = await _state(pool, context, SignInBody(mode=mode))
        redirection = await _begin(pool, context, organisation_id, stated)
    return _with_cookie(RedirectResponse(redirection.url, 303, NO_STORE), context, redirection.begun)


@router.post(
    "/professionals/sign-in",
    summary="Sign in with Pro Santé Connect, with a motive",
    responses=problems(_403="provider-not-set-up, emergency-unavailable", _422=_MODES, _503="provider-unavailable"),
)
async def post_professional_sign_in(
    body: ProviderSignInBody, response: Response, pool: ServicePool, context: OurContext
) -> RedirectionView:
    """The same as GET, in any mode; answers with the address to go to."""
    with counting("sign-in-professional"):
        stated = await _state(pool, context, body)
        redirection = await _begin(pool, context, body.organisation_id, stated, body.prompt)
    response.headers.update(NO_STORE)
    _with_cookie(response, context, redirection.begun)
    return RedirectionView(authorization_url=redirection.url)


@router.get(
    "/professionals/callback",
    summary="Come back from Pro Santé Connect",
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
    context: OurContext,
    state: Annotated[str, Query(max_length=256)] = "",
    code: Answer = None,
    iss: Answer = None,
) -> TokenView:
    """A token of the professional, in the mode and for the structure stated at the beginning. Each sign-in serves once,
    in the browser that began it."""
    name = cookie_name(state)
    back = CameBack(state, request.cookies.get(name, ""), code, iss)
    with counting("sign-in-professional"):
        provider, rules = context.entrances.asked_provider(), context.entrances.rules
        token = await finish_professional_sign_in(pool, context.issuer, provider, rules, back)
    response.headers.update(NO_STORE)
    response.delete_cookie(name, path=COOKIE_PATH)
    return TokenView.of(token)


@router.post(
    "/professionals/card",
    summary="Sign in with a card (CPS)",
    responses=problems(
        _403=f"certificate-needed, certificate-untrusted, certificate-revoked, entrance-unknown, {_ADMITTED}",
        _422=f"{_MODES}, acting-structure-needed",
        _503="revocation-unknown",
    ),
)
async def post_card(
    body: SignInBody, request: Request, response: Response, pool: ServicePool, context: OurContext
) -> TokenView:
    """A token of the professional whose card was presented to the TLS entrance."""
    with counting("sign-in-card"):
        stated = await _state(pool, context, body)
        certificate = await context.entrances.presented(request, "professional")
        token = await sign_in_with_card(
            pool, context.issuer, context.entrances.rules, certificate, body.organisation_id, stated
        )
    response.headers.update(NO_STORE)
    return TokenView.of(token)


@router.post(
    "/presence-proofs",
    summary="Prove that the patient is there",
    responses=problems(
        _403="professional-session-needed, presence-proof-invalid, presence-proof-expired, presence-proof-replayed, "
        "presence-elsewhere, professional-not-in-directory",
        _404="record-unknown",
    ),
)
async def post_presence_proof(
    body: PresenceBody, response: Response, asking: AuthenticatedCaller, pool: ServicePool, context: OurContext
) -> TokenView:
    """For the token of a professional: the next one, of the same session, carries `patient_present`."""
    with counting("prove-presence"):
        if asking.kind != "professional":
            raise SessionOverError
        token = await prove_presence(
            pool, context.issuer, context.keyrings, asking.actor(), asking.session_id, body.proof
        )
    response.headers.update(NO_STORE)
    return TokenView.of(token)


@contextmanager
def counting(action: str) -> Iterator[None]:
    """Counts what is refused inside."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels(action, error.code).inc()
        raise


async def _state(pool: ServicePool, context: OurContext, body: SignInBody) -> Stated:
    motives = context.entrances.rules.motives
    return await state_access(pool, context.keyrings, motives, body.mode, body.motive, body.patient)


async def _begin(
    pool: ServicePool, context: OurContext, organisation_id: str | None, stated: Stated, prompt: str | None = None
) -> Redirection:
    provider, rules = context.entrances.asked_provider(), context.entrances.rules
    return await begin_professional_sign_in(pool, provider, rules, organisation_id, stated, prompt)


def _with_cookie(response: Response, context: OurContext, begun: Begun) -> Response:
    """The other half of the sign-in stays in the browser: a state that somebody else began is of no use in it."""
    response.set_cookie(
        begun.cookie_name,
        begun.browser,
        max_age=int(LIFE.total_seconds()),
        path=COOKIE_PATH,
        secure=context.issuer.url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response
