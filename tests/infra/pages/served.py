"""The pages of any service at an address of their own, and what each of them must be in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI

from shared.http.protocol import LimitedProtocol
from shared.web.session import Holder, holder_cookie
from tests.infra.http.servers import listening
from tests.infra.pages.browser import FIRST_PAGE, MOST_REQUESTS, NARROW, SCRIPT, Tab, violations

HOST = "dmp.localhost"
READER = Holder("Camille GRANDCLAIR", "self")
WAYS: dict[str, dict[str, Any]] = {
    "narrow": {"viewport": {"width": NARROW, "height": 640}},
    "dark": {"color_scheme": "dark"},
    "forced-colours": {"forced_colors": "active"},
    "without-script": {"java_script_enabled": False},
    "english": {"locale": "en-GB"},
}


@asynccontextmanager
async def served_pages(app: FastAPI) -> AsyncIterator[str]:
    """Yields the origin at which this app, which has been started, answers."""
    config = uvicorn.Config(app, http=LimitedProtocol, ws="none", log_config=None, lifespan="off")
    async with listening(config) as port:
        yield f"http://{HOST}:{port}"


def signed_in(record_id: UUID, token: str) -> list[dict[str, Any]]:
    """Returns the cookies of a browser in which this token's person is signed in."""
    own = [
        {"name": "__Host-access", "value": token, "path": "/"},
        {"name": "__Secure-holder", "value": holder_cookie(READER), "path": f"/dossier/{record_id}"},
    ]
    return [{**cookie, "domain": HOST, "secure": True, "httpOnly": True, "sameSite": "Lax"} for cookie in own]


async def assert_is_for_everybody(tab: Tab, url: str) -> None:
    """Asserts that a page is within reach on a slow line and by assistive technology, and names nobody in its title."""
    answer = await tab.open(url)
    assert (answer.status, tab.messages) == (200, []), url
    size, script, requests = await tab.sizes()
    assert size <= FIRST_PAGE, url
    assert script <= SCRIPT, url
    assert requests <= MOST_REQUESTS, url
    assert await violations(tab.page) == [], url
    assert READER.name not in await tab.page.title(), url


async def assert_is_whole(tab: Tab, url: str, way: str) -> None:
    """Asserts that a page is whole in one way of looking at it, a key of WAYS."""
    answer = await tab.open(url)
    assert (answer.status, tab.messages) == (200, []), url
    assert await tab.page.inner_text("h1"), url
    if way != "without-script":  # axe is a script
        assert await violations(tab.page) == [], (url, way)
        assert not await tab.is_wider_than_the_screen(), (url, way)
    if way == "english":
        assert await tab.page.get_attribute("html", "lang") == "en"
