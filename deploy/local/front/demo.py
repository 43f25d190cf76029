"""The pages of the demonstration: as whom one signs in, and the messages that people received."""

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.local.demo.family import open_family, read_family
from deploy.local.demo.mailbox import caught_letters, caught_mails, caught_sms
from deploy.local.front.words import front_pages
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout
from shared.web.assets import serve_asset
from shared.web.doors import OtherOriginError, check_origin
from shared.web.languages import set_language
from shared.web.session import see_other

_MOST: Final = 100
"""Messages that the page shows, the newest first."""


def demo_app(layout: Layout) -> ASGIApp:
    """Returns the application of the demonstration of the installation in this folder."""

    async def people(request: Request, problem: str = "") -> Response:
        persons = read_family(layout)
        status = 503 if problem else 200
        return front_pages().page(request, "front/people.html", status=status, persons=persons, problem=problem)

    async def make_family(request: Request) -> Response:
        try:
            check_origin(request)
            await open_family(layout)
        except (LocalError, OtherOriginError) as error:
            return await people(request, str(error))
        return see_other("/demo")

    async def messages(request: Request) -> Response:
        mails = [(mail.arrived, mail.to, mail.subject, mail.text) for mail in caught_mails(layout.mail)]
        others = [*caught_sms(layout), *caught_letters(layout)]
        texts = [(other.arrived, other.to, other.subject, other.text) for other in others]
        newest = sorted([*mails, *texts], reverse=True)[:_MOST]
        return front_pages().page(request, "front/messages.html", messages=newest)

    routes = [
        Route("/demo", people),
        Route("/demo/famille", make_family, methods=["POST"]),
        Route("/demo/messages", messages),
        Route("/static/{name}", serve_asset),
    ]
    return _InReadersLanguage(Starlette(routes=routes))


class _InReadersLanguage:
    """ASGI middleware: chooses the language of the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http":
            scope = {**set_language(scope), "state": {}}
        await self._app(scope, receive, send)
