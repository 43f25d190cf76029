"""Renders the pages of a service, and answers its errors on paths of pages as pages."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI
from jinja2 import BaseLoader, ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import ClientError
from shared.http.door import Door
from shared.http.problems import NO_PATH, Renderer
from shared.web.assets import asset, serve_asset
from shared.web.formats import FORMATS
from shared.web.languages import PARAMETER, Language, language_of, set_language
from shared.web.navigation import FOOT_LINKS, record_links
from shared.web.paths import is_page_path
from shared.web.session import (
    ACCESS,
    HALF_LIFE_S,
    Holder,
    holder_of,
    record_of,
    request_path,
    seconds_left,
    token_of,
)
from shared.web.texts import read_texts, word

PART: Final = "x-part"
"""A request of the script for a part: the answer has the heading and the main content of the page, nothing around."""
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-type": "text/html; charset=utf-8",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`: with it a browser sends `Origin: null` with a form, and the origin could not be compared.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_OWN_SENTENCES: Final = frozenset({"internal", "unavailable", "method-not-allowed", "request-refused", "bad-request"})
"""Errors that the frame of the APIs words in English alone; the pages have words of their own for them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the layout needs of the request. `other_language`: the address of this page in the other language."""

    language: Language
    path: str
    other_language: str
    record_id: UUID | None
    holder: Holder | None
    is_signed_in: bool
    renews: bool
    is_part: bool


class Page(Response):
    """An HTML page: not stored by anybody, with a strict content security policy.

    `form_targets`: other origins to which a form of the page leads, by a redirect too.
    """

    def __init__(self, request: Request, html: str, status: int = 200, form_targets: Sequence[str] = ()) -> None:
        targets = "".join(f" {target}" for target in form_targets)
        headers = {**HEADERS, "content-security-policy": POLICY.format(targets=targets)}
        headers["content-language"] = language_of(request)
        body = html.encode()
        if _may_compress(request):
            body, headers["content-encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
        super().__init__(body, status, headers)


def _may_compress(request: Request) -> bool:
    """Returns whether the answer may be compressed: not for a request of another site, which could learn from the
    length what the page holds beside its own words (BREACH)."""
    is_ours = request.headers.get("sec-fetch-site") in ("same-origin", "none")
    return is_ours and "gzip" in request.headers.get("accept-encoding", "")


class Pages:
    """The pages of one service: its environment of templates, and its words.

    `rooms`: the packages with a folder `templates`; a template is named `<room>/<file>`. `root`: the package in which
    the service is.
    """

    def __init__(self, service: str, rooms: Sequence[str] = (), *, root: str = "services") -> None:
        packages = {room: f"{root}.{service}.{room}" for room in rooms}
        loaders: dict[str, BaseLoader] = {room: PackageLoader(package) for room, package in packages.items()}
        self._texts = read_texts(["shared.web", *packages.values()])
        self._environment = Environment(
            loader=ChoiceLoader([PackageLoader("shared.web"), PrefixLoader(loaders)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Page:
        """Returns the page that the template makes of these values."""
        return Page(request, self.html(request, template, **values), status)

    def html(self, request: Request, template: str, **values: Any) -> str:
        """Returns the text of a page."""
        language = language_of(request)
        frame = _frame(request, language)
        links = {"record_links": record_links, "foot_links": FOOT_LINKS}
        words = {"t": self.words(language), "frame": frame, "asset": asset, **links}
        return self._environment.get_template(template).render(**words, **FORMATS[language], **values)

    def words(self, language: Language) -> Any:
        """Returns the function that gives a text by its key, with values in place of its `{names}`."""

        def translated(key: str, **values: object) -> str:
            return word(self._texts[key][language], language, values)

        return translated

    def errors(self, render: Renderer) -> Renderer:
        """Returns a renderer of errors: pages on the paths of pages, `render` elsewhere."""

        def rendered(request: Request, status: int, code: str, detail: str) -> Response:
            if not is_page_path(request.url.path):
                return render(request, status, code, detail)
            t = self.words(language_of(request))
            if code in _OWN_SENTENCES or detail == NO_PATH:
                detail = t("error.no-path" if detail == NO_PATH else f"error.{code}")
            return self.page(request, "error.html", status=status, code=code, detail=detail, next=_next_step(status))

        return rendered

    def install(self, app: FastAPI) -> None:
        """Adds what all pages need: the reader's language, and the files under `/static`."""
        app.state.pages = self
        app.add_middleware(_ReaderLanguage)
        app.router.add_api_route("/static/{name}", serve_asset, include_in_schema=False, route_class_override=Door)


def pages_of(request: Request) -> Pages:
    """Returns the pages of the service that answers this request."""
    pages: Pages = request.app.state.pages
    return pages


def message_of(request: Request, error: ClientError) -> str:
    """Returns what an error says to a person, in the language of the page."""
    return (error.in_french() if language_of(request) == "fr" else None) or str(error)


class _ReaderLanguage:
    """ASGI middleware: chooses the language of pages, before any error can be worded."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_page_path(scope["path"]):
            scope = set_language(scope)
            scope.setdefault("state", {})  # of the request, whatever copies of the scope are made of it
        await self.app(scope, receive, send)


def _frame(request: Request, language: Language) -> Frame:
    left = seconds_left(token_of(request))
    other: Language = "en" if language == "fr" else "fr"
    shown = request.url if request.method == "GET" else request.url.replace(query="")
    other_url = shown.include_query_params(**{PARAMETER: other})
    return Frame(
        language=language,
        path=request_path(request),
        other_language=f"{other_url.path}?{other_url.query}",
        record_id=record_of(request),
        holder=holder_of(request),
        is_signed_in=ACCESS in request.cookies,
        renews=0 < left < HALF_LIFE_S,
        is_part=PART in request.headers,
    )


def _next_step(status: int) -> str:
    """Returns the key of the text that says what to do after an error."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return "error.next-sign-in"
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return "error.next-later"
        case _:
            return "error.next-home"
