"""A browser before identity's pages: its cookie jar, and the forms that a person sends."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import httpx2

from services.identity.app import make_api
from services.identity.settings import Settings
from tests.infra.http.routes import known_routes
from tests.infra.identity.accounts import FIREFOX, MAIL, PASSWORD, IdentityApi
from tests.infra.identity.identity_api import settings_of
from tests.infra.platform.databases import Database

ORIGIN = "https://dmp.localhost"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@dataclass(frozen=True)
class Browser:
    """A browser with its cookies, which follows redirects only when it is told to."""

    client: httpx2.AsyncClient
    api: IdentityApi

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Opens a page."""
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, site: str = "same-origin", **fields: str) -> httpx2.Response:
        """Sends a form of a page of this origin."""
        return await self.client.post(path, data=fields, headers={"sec-fetch-site": site})

    async def sign_in(self, *, own_device: bool = False, to: str = "/", identifier: str = MAIL) -> httpx2.Response:
        """Signs in with the code that was sent, and returns the answer to the code."""
        asked = {"identifier": identifier, "password": PASSWORD, "to": to}
        started = await self.post("/connexion", **asked, **({"own-device": "1"} if own_device else {}))
        assert started.status_code == 303, started.text
        challenge = dict(parse_qsl(urlsplit(started.headers["location"]).query))
        return await self.post("/session/code", code=await self.api.code(), **challenge)

    def cookie(self, name: str) -> str | None:
        """Returns the value of a cookie, whatever its path."""
        return next((cookie.value for cookie in self.client.cookies.jar if cookie.name == name), None)

    def expires(self, name: str) -> int | None:
        """Returns when a cookie ends; None for one that ends with the browser."""
        return next(cookie.expires for cookie in self.client.cookies.jar if cookie.name == name)

    def without(self, name: str) -> None:
        """Deletes a cookie, as the browser does when its time is over."""
        for cookie in [cookie for cookie in self.client.cookies.jar if cookie.name == name]:
            self.client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


def hidden_fields(html: str) -> dict[str, str]:
    """Returns the hidden fields of a page's forms."""
    return {unescape(name): unescape(value) for name, value in _HIDDEN.findall(html)}


@dataclass(frozen=True)
class Site:
    """Identity's API and pages on one database. `browser` returns a new browser without cookies."""

    api: IdentityApi
    browser: Callable[[], Browser]


@asynccontextmanager
async def run_site(
    database: Database, *, peer: str = "127.0.0.1", settings: Settings | None = None
) -> AsyncIterator[Site]:
    """Runs identity's API with its pages; refusals are answered without delay."""
    app = known_routes(make_api(settings or settings_of(database, accounts={"refusal_s": 0})))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=(peer, 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8401") as client:
            api = IdentityApi(client, database, app.state.pool)
            headers = {"user-agent": FIREFOX, "accept-language": "fr"}

            def browser() -> Browser:
                made = httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
                return Browser(made, api)

            yield Site(api, browser)
