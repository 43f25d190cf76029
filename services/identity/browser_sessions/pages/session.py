"""The routes under `/session` that other services' pages use: renewing, acting for another, signing out."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules
from services.identity.browser_sessions.domain import BrowserSessionOverError
from services.identity.browser_sessions.pages.cookies import (
    CLEAR_SITE_DATA,
    SESSION,
    clear_session,
    record_path,
    set_acting,
    set_renewed,
    set_whose,
)
from services.identity.browser_sessions.usecases.end_browser_session import end_browser_session
from services.identity.browser_sessions.usecases.name_record import name_record
from services.identity.browser_sessions.usecases.renew_browser_session import (
    RenewalRules,
    RenewedTokens,
    renew_browser_session,
)
from services.identity.browser_sessions.usecases.start_acting import start_acting
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.professionals.api import ProvidedProfessionalRules
from shared.http.app import AuthenticatedCaller
from shared.web.doors import page_router
from shared.web.forms import read_form
from shared.web.languages import PARAMETER, language_of
from shared.web.pages import pages_of
from shared.web.paths import own_path
from shared.web.session import SIGN_IN, see_other

router = page_router()
NO_STORE = {"cache-control": "no-store"}
To = Annotated[str, Query(max_length=2000)]


@dataclass(frozen=True)
class SessionContext:
    """The database, and the rules by which sessions continue."""

    storage: ProvidedStorage
    accounts: ProvidedAccountRules
    professionals: ProvidedProfessionalRules
    issuer: ProvidedIssuer

    async def renew(self, request: Request, record_id: UUID | None) -> RenewedTokens:
        """Returns the next tokens of the browser's session. Raises BrowserSessionOverError."""
        rules = RenewalRules(self.accounts, self.professionals, self.issuer)
        return await renew_browser_session(self.storage, rules, request.cookies.get(SESSION), record_id)


ProvidedSessionContext = Annotated[SessionContext, Depends()]


@router.get("/session/continue")
async def get_continue(request: Request, context: ProvidedSessionContext, to: To = "/") -> Response:
    """Renews the session and leads back; asks to sign in, or for whom the person acts, where that is needed."""
    target = own_path(to)
    record_id = record_in(target)
    try:
        renewed = await context.renew(request, record_id)
    except BrowserSessionOverError:
        response = see_other(f"{SIGN_IN}?{urlencode({'to': target})}")
        clear_session(response)
        return response
    own_id = renewed.session.record_id
    is_of_another = own_id is not None and record_id not in (None, own_id) and renewed.acting is None
    response = see_other(f"/session/acting?{urlencode({'to': target})}" if is_of_another else target)
    set_renewed(response, renewed)
    return response


@router.get("/session/renew")
@router.post("/session/renew")
async def renew(request: Request, context: ProvidedSessionContext) -> Response:
    """Renews the session for the page that asks: 204 with new cookies, or 401."""
    try:
        renewed = await context.renew(request, record_in(urlsplit(request.headers.get("referer", "")).path))
    except BrowserSessionOverError:
        return Response(status_code=401, headers=NO_STORE)
    response = Response(status_code=204, headers=NO_STORE)
    set_renewed(response, renewed)
    return response


@router.post("/session/end")
async def post_end(request: Request, storage: ProvidedStorage) -> Response:
    """Signs out, and has the browser delete all that it keeps of these pages."""
    await end_browser_session(storage, request.cookies.get(SESSION))
    response = see_other(f"/session/ended?{PARAMETER}={language_of(request)}")
    clear_session(response)
    response.headers.update(CLEAR_SITE_DATA)
    return response


@router.get("/session/ended")
async def get_ended(request: Request) -> Response:
    """Says that nobody is signed in any more."""
    return pages_of(request).page(request, "browser_sessions/ended.html")


@router.get("/session/acting")
async def get_acting(request: Request, holder: Holder, context: ProvidedSessionContext, to: To = "/") -> Response:
    """Asks whether the person wants to act in the record of another, and says what that means."""
    target, record_id = own_path(to), record_in(own_path(to))
    if record_id is None:
        raise RecordUnknownError
    named = await name_record(context.storage, holder.record_id, record_id)
    if named.relation == "self":
        return see_other(target)
    return pages_of(request).page(request, "browser_sessions/acting.html", named=named, to=target)


@router.post("/session/acting")
async def post_acting(
    request: Request, caller: AuthenticatedCaller, holder: Holder, context: ProvidedSessionContext
) -> Response:
    """Takes the token of acting in the record that the path `to` names, and leads there."""
    target = own_path((await read_form(request)).text("to"))
    record_id = record_in(target)
    if record_id is None:
        raise RecordUnknownError
    cookie = request.cookies.get(SESSION)
    acting, session = await start_acting(context.storage, context.issuer, caller, cookie, record_id)
    named = await name_record(context.storage, holder.record_id, record_id)
    kept_until = session.ends_at if session.is_kept else None
    response = see_other(target if target != record_path(record_id) else f"{target}/documents")
    set_acting(response, record_id, acting, kept_until)
    set_whose(response, named, kept_until)
    return response


def record_in(path: str) -> UUID | None:
    """Returns the record that a path of the patient side names."""
    parts = path.partition("?")[0].split("/")
    try:
        return UUID(parts[2]) if parts[1:2] == ["dossier"] else None
    except (ValueError, IndexError):
        return None
