"""The checks before every page: prefetches, other origins, the session's cookies; then those of every API (`Door`)."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import ClientError, ForbiddenError, NotAuthenticatedError
from shared.http.bodies import SMALL, take_body
from shared.http.door import Door, buffers_of
from shared.http.tokens import TokenVerifier
from shared.web.forms import MULTIPART, Form, FormUnreadableError, read_form
from shared.web.languages import COOKIE, chosen_language
from shared.web.pages import pages_of
from shared.web.session import ACCESS, ACTING, continue_session, request_path, seconds_left, with_token

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
A_YEAR_S: Final = 365 * 24 * 3600


class PrefetchError(ClientError):
    """This page is only read when somebody opens it."""

    code = "prefetch-refused"
    french = "Cette page ne se lit que lorsque quelqu’un l’ouvre."
    status: ClassVar[int] = 503


class OtherOriginError(ForbiddenError):
    """This form was sent from another site. Open its page here, then send it."""

    code = "other-origin"
    french = "Ce formulaire vient d’un autre site. Ouvrez sa page ici, puis envoyez-le."


class PageDoor(Door):
    """A route of a page. Its caller is that of the session's cookies, never of an Authorization header."""

    def get_route_handler(self) -> Handler:
        """Returns the handler of an API, preceded by the checks of pages."""
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            check_prefetch(request)
            check_origin(request)
            token = await _token_for(request)
            try:
                response = await handle(Request(with_token(request.scope, token), request.receive))
            except NotAuthenticatedError:
                if request.method in SAFE and seconds_left(token):
                    raise  # renewing would not help: the session has ended, or this token is not for this service
                response = continue_session(request) if request.method in SAFE else await _send_again(request)
            if (language := chosen_language(request.scope)) is not None:
                response.set_cookie(COOKIE, language, A_YEAR_S, secure=True, httponly=True, samesite="lax")
            return response

        return handle_page


def page_router() -> APIRouter:
    """Returns a router for pages, which OpenAPI leaves out."""
    return APIRouter(route_class=PageDoor, include_in_schema=False)


def check_prefetch(request: Request) -> None:
    """Raises PrefetchError for a page that the browser only may need: reading it would stand in the ledger."""
    if "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", "")):
        raise PrefetchError


def check_origin(request: Request) -> None:
    """Raises OtherOriginError for an unsafe request that no page of this origin sent.

    Sec-Fetch-Site tells (Fetch Metadata, W3C); a browser without it sends Origin with every POST.
    """
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = urlsplit(request.headers.get("origin", "")).netloc
        is_own = bool(origin) and origin == request.headers.get("host")
    else:
        is_own = site == "same-origin"
    if not is_own:
        raise OtherOriginError


async def _token_for(request: Request) -> str | None:
    """Returns the token of the request: that of acting if it belongs to the session of the own one, else the own."""
    own, acting = request.cookies.get(ACCESS), request.cookies.get(ACTING)
    if acting is None:
        return own
    verifier: TokenVerifier = request.app.state.verifier
    try:
        caller, acting_caller = await verifier.verify(own or ""), await verifier.verify(acting)
    except NotAuthenticatedError:
        return None
    return acting if acting_caller.session_id == caller.session_id else own


async def _send_again(request: Request) -> Response:
    """Returns the page that holds what was typed, renews the session, and sends it again.

    A file is not held: a page with one renews the session when the file is chosen.
    """
    form = Form()
    if not request.headers.get("content-type", "").startswith(MULTIPART):
        client = request.client.host if request.client else ""
        with buffers_of(request.app).holding(client) as held:
            body = await take_body(request, SMALL, held)
        form = await _form_of(request, body)
    return pages_of(request).page(request, "resend.html", status=401, form=form, path=request_path(request))


async def _form_of(request: Request, body: bytes) -> Form:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        return await read_form(Request(request.scope, receive))
    except FormUnreadableError:
        return Form()
