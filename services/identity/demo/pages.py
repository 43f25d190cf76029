"""The direct sign-in of a demonstration in a browser: no proof of identity, so on this machine only."""

from typing import Annotated, Final

from fastapi import Depends, Request, Response

from services.identity.accounts.api.dependencies import device_of
from services.identity.browser_sessions.pages.cookies import SESSION
from services.identity.browser_sessions.pages.sign_in import signed_in
from services.identity.browser_sessions.usecases.start_professional_session import start_professional_session
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.clients.domain.tokens import DEMO_CLIENT
from services.identity.demo.domain import DemoRules, SignInRefusedError
from services.identity.demo.usecases.start_demo_session import start_demo_session
from services.identity.directory.domain.directory import professional_id
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.professionals.api import ProvidedProfessionalRules
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import IdentityProof
from services.identity.professionals.steps import SessionRequest
from shared.http.dependencies import provided
from shared.loopback import is_loopback
from shared.web.doors import page_router
from shared.web.forms import read_form
from shared.web.paths import own_path

router = page_router()
PATH: Final = "/session/demo"


def _check_this_machine(request: Request, rules: Annotated[DemoRules, Depends(provided(DemoRules))]) -> None:
    """Checks that the direct sign-in is on, and that the browser runs on this machine. Raises SignInRefusedError."""
    peer = request.client.host if request.client else ""
    if not (rules.is_sign_in_enabled and is_loopback(peer) and is_loopback(request.headers.get("host", ""))):
        raise SignInRefusedError


@router.post(PATH, dependencies=[Depends(_check_this_machine)])
async def post_demo_sign_in(
    request: Request, storage: ProvidedStorage, issuer: ProvidedIssuer, rules: ProvidedProfessionalRules
) -> Response:
    """Signs in as the holder of a record, or as a professional of the directory."""
    form, earlier = await read_form(request), request.cookies.get(SESSION)
    if form.text("professional"):
        session_request = SessionRequest(
            IdentityProof(professional_id(form.text("professional"))),
            "pro-sante-connect",
            DEMO_CLIENT,
            form.text("organisation") or None,
            StatedAccess(),
        )
        tokens = await start_professional_session(storage, issuer, rules, session_request, earlier)
        return await signed_in(request, storage, tokens, own_path(form.text("to"), "/soins"))
    record_id = form.uuid("record", RecordUnknownError)
    tokens = await start_demo_session(storage, issuer, record_id, device_of(request), earlier)
    return await signed_in(request, storage, tokens, own_path(form.text("to")))
