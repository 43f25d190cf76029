"""The direct sign-in of a demonstration. It needs no proof of identity, so it works only on the loopback."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.clients.models import TokenView
from services.identity.demo.domain import DemoRules, SignInRefusedError
from services.identity.demo.models import DemoPatientSignInBody, DemoProfessionalSignInBody
from services.identity.demo.usecases.sign_in_patient import sign_in_patient
from services.identity.demo.usecases.sign_in_professional import sign_in_professional
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.professionals.api import ProvidedProfessionalRules
from services.identity.professionals.usecases.resolve_stated_access import resolve_stated_access
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.loopback import is_loopback

router = APIRouter(route_class=Door, tags=["demo"])
ProvidedDemoRules = Annotated[DemoRules, Depends(provided(DemoRules))]
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
DemoSignIn = Annotated[DemoPatientSignInBody | DemoProfessionalSignInBody, Body(discriminator="kind")]


def _check_local_request(request: Request, rules: ProvidedDemoRules) -> None:
    """Checks that the direct sign-in is switched on, and that the request comes from this machine.

    The request must come without a proxy and with a loopback name as Host (against DNS rebinding). Raises
    SignInRefusedError.
    """
    peer = request.client.host if request.client else ""
    is_direct = not any(name in request.headers for name in FORWARDED)
    if not (
        rules.is_sign_in_enabled and is_direct and is_loopback(peer) and is_loopback(request.headers.get("host", ""))
    ):
        raise SignInRefusedError


@router.post(
    "/demo/sign-in",
    operation_id="signInForDemo",
    summary="Sign in a fictitious person, on this machine only",
    dependencies=[Depends(_check_local_request)],
    responses=problems(
        _403="sign-in-refused: switched off, or not from this machine; mode-not-fitting, occupational-medicine-never, "
        "new-sign-in-needed",
        _404="record-unknown, professional-unknown",
        _422="acting-structure-needed, mode-unknown, motive-invalid, patient-not-named, ins-malformed, "
        "ins-system-unknown",
    ),
)
async def post_sign_in(
    body: DemoSignIn,
    response: Response,
    storage: ProvidedStorage,
    issuer: ProvidedIssuer,
    rules: ProvidedProfessionalRules,
) -> TokenView:
    """Signs in the holder of a record or an active professional of the directory."""
    response.headers["cache-control"] = "no-store"
    match body:
        case DemoPatientSignInBody():
            token = await sign_in_patient(storage.pool, issuer, body.record_id)
        case DemoProfessionalSignInBody():
            stated_access = await resolve_stated_access(storage, rules.motives, body.mode, body.motive, body.patient)
            token = await sign_in_professional(
                storage.pool, issuer, rules, body.professional_id, body.organisation_id, stated_access
            )
    return TokenView.of(token)
