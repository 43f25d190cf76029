"""The direct sign-in of a demonstration. It asks for no proof, so it answers on this machine's loopback only."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from services.identity.api.context import OurContext, problems
from services.identity.domain.places import SignInRefusedError, is_loopback
from services.identity.models.tokens import PatientSignIn, ProfessionalSignIn, TokenView
from services.identity.usecases.sign_in_patient import sign_in_patient
from services.identity.usecases.sign_in_professional import sign_in_professional
from services.identity.usecases.state_access import state_access
from shared.http.app import ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["demo"])
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
SignIn = Annotated[PatientSignIn | ProfessionalSignIn, Body(discriminator="kind")]


def _from_here(request: Request, context: OurContext) -> None:
    """Raises SignInRefusedError unless it is switched on and nobody from elsewhere asks, nor through a proxy or a
    web page that took a foreign name for this machine."""
    peer = request.client.host if request.client else ""
    told = not any(name in request.headers for name in FORWARDED)
    if not (context.demo_sign_in and told and is_loopback(peer) and is_loopback(request.headers.get("host", ""))):
        raise SignInRefusedError


@router.post(
    "/demo/sign-in",
    summary="Sign an invented person in, on this machine only",
    dependencies=[Depends(_from_here)],
    responses=problems(
        _403="sign-in-refused: switched off, or not from this machine; mode-not-fitting, occupational-medicine-never, "
        "new-sign-in-needed",
        _404="record-unknown, professional-unknown",
        _422="acting-structure-needed, mode-unknown, motive-invalid, patient-not-named, ins-malformed, "
        "ins-system-unknown",
    ),
)
async def post_sign_in(body: SignIn, response: Response, pool: ServicePool, context: OurContext) -> TokenView:
    """The holder of a record, or an active professional of the directory."""
    response.headers["cache-control"] = "no-store"
    match body:
        case PatientSignIn():
            token = await sign_in_patient(pool, context.issuer, body.record_id)
        case ProfessionalSignIn():
            rules = context.entrances.rules
            asked = (body.mode, body.motive, body.patient)
            stated = await state_access(pool, context.keyrings, rules.motives, *asked)
            wanted = (body.professional_id, body.organisation_id)
            token = await sign_in_professional(pool, context.issuer, rules, *wanted, stated)
    return TokenView.of(token)
