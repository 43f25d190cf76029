"""A real Chromium: Debian's, driven by Playwright, and what each page must be in it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright

REQUIRED = "DMP_BROWSER"
NARROW = 320
FIRST_PAGE, NEXT_PAGE, SCRIPT, MOST_REQUESTS = 15_000, 8_000, 4_000, 5
"""Bytes as they are sent, and requests, of which a page may need so many."""


def chromium() -> Path | None:
    """Returns the program; None where there is none, unless the environment says that it is required."""
    program = shutil.which("chromium")
    if program is None and os.environ.get(REQUIRED) == "required":
        raise RuntimeError("the tests of pages need chromium: apt-get install --no-install-recommends chromium")
    return None if program is None else Path(program)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """Yields a browser; skips the test where none is installed."""
    program = chromium()
    if program is None:
        pytest.skip("no chromium here: the pages are not tried in a browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Tab:
    """A page in a context of its own, with all that it asked for and said."""

    page: Page
    messages: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("response", lambda answer: self.responses.append(answer))  # noqa: PLW0108 - it marks the function

    def _heard(self, message: ConsoleMessage) -> None:
        self.messages.append(f"{message.type}: {message.text}")

    async def open(self, url: str) -> Response:
        """Opens an address, and forgets what earlier ones said."""
        self.messages.clear()
        self.responses.clear()
        answer = await self.page.goto(url)
        assert answer is not None
        return answer

    async def sizes(self) -> tuple[int, int, int]:
        """Returns the bytes of all answers' bodies as they were sent, those of the script, and their number."""
        sizes = [(each.url, max(0, (await each.request.sizes())["responseBodySize"])) for each in self.responses]
        scripts = sum(size for url, size in sizes if url.endswith(".js"))
        return sum(size for _, size in sizes), scripts, len(sizes)

    async def is_wider_than_the_screen(self) -> bool:
        """Returns whether one would have to scroll sideways."""
        return bool(await self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


@asynccontextmanager
async def tab(browser: Browser, cookies: list[dict[str, str]], **options: Any) -> AsyncIterator[Tab]:
    """Yields a tab with these cookies; `options` of Playwright's contexts: viewport, color_scheme, locale ..."""
    context = await browser.new_context(**{"locale": "fr-FR", **options})
    await context.add_cookies(cookies)  # type: ignore[arg-type]  # a plain dictionary, as its type wants
    try:
        yield Tab(await context.new_page())
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """Returns what axe finds: the rule, and where."""
    results = await Axe().run(page)
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
