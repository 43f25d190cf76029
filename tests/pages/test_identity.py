"""Identity's pages in a real browser: signing in, the account, relatives, opening and closing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser

from services.identity.app import make_api
from shared.http.protocol import LimitedProtocol
from tests.infra.http.servers import listening
from tests.infra.identity.accounts import MAIL, PASSWORD, IdentityApi
from tests.infra.identity.identity_api import TEST_OID, administrator, nir, settings_of
from tests.infra.identity.people import EVIDENCE, MINOR, ins, traits
from tests.infra.pages.browser import FIRST_PAGE, MOST_REQUESTS, NARROW, NEXT_PAGE, SCRIPT, Tab, tab, violations
from tests.infra.platform.databases import Databases

OPEN_TO_ALL = (
    "/",
    "/connexion",
    "/connexion/oubli",
    "/ouvrir",
    "/ouvrir/code",
    "/aide",
    "/accessibilite",
    "/vie-privee",
    "/soins",
)
OWN = ("/", "/compte", "/compte/contact", "/compte/contact?type=mobile", "/compte/codes", "/compte/application")
OWN_TOO = ("/compte/papier", "/compte/mot-de-passe", "/compte/appareils", "/compte/invitations")
OF_RECORD = ("/dossier/{record}/proches", "/dossier/{record}/fermer")
SIGNED_IN = (*OWN, *OWN_TOO, *OF_RECORD)
VARIANTS: dict[str, dict[str, Any]] = {
    "narrow": {"viewport": {"width": NARROW, "height": 640}},
    "dark": {"color_scheme": "dark"},
    "forced-colours": {"forced_colors": "active"},
    "without-script": {"java_script_enabled": False},
    "english": {"locale": "en-GB"},
}


@dataclass
class Identity:
    """Identity at its address, the holder's record, and the cookies of their signed-in browser."""

    api: IdentityApi
    origin: str
    record_id: UUID
    cookies: list[dict[str, str]]

    def url(self, path: str) -> str:
        """Returns the address of a page."""
        return self.origin + path.format(record=self.record_id)


@pytest_asyncio.fixture(scope="module")
async def identity(databases: Databases, browser: Browser) -> AsyncIterator[Identity]:
    """Identity with the account of a mother, who has signed in on a shared device."""
    database = await databases.new("identity")
    app = make_api(settings_of(database, accounts={"refusal_s": 0}))
    config = uvicorn.Config(app, http=LimitedProtocol, log_config=None, access_log=False)
    async with listening(config) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        api = IdentityApi(client, database, app.state.pool)
        made = Identity(api, f"http://dmp.localhost:{port}", await api.open_account(), [])
        child = {"ins": ins(50, MINOR), "traits": traits(50, MINOR)}
        by = {"representative": {"value": nir(1), "oid": TEST_OID}, "evidence": EVIDENCE}
        opened_child = await client.post("/records/represented", json={**child, "by": by}, headers=administrator())
        assert opened_child.status_code == 201, opened_child.text
        async with tab(browser, []) as opened:
            await sign_in(made, opened)
            made.cookies += await opened.page.context.cookies()  # type: ignore[arg-type]  # a plain dictionary
        yield made
    await databases.give_back(database)


async def sign_in(identity: Identity, opened: Tab) -> None:
    """Signs in with the keyboard alone."""
    page = opened.page
    await opened.open(identity.url("/connexion"))
    await page.focus("#identifier")
    await page.keyboard.type(MAIL)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/session/code*")
    await page.focus("#code")
    await page.keyboard.type(await identity.api.code())
    await page.keyboard.press("Enter")
    await page.wait_for_url(identity.url("/"))


@pytest.mark.parametrize("path", [*OPEN_TO_ALL, *(f"own {path}" for path in SIGNED_IN)])
async def test_a_page_is_within_reach_of_everybody(identity: Identity, browser: Browser, path: str) -> None:
    kind, _, own = path.partition(" ")
    cookies = identity.cookies if kind == "own" else []
    async with tab(browser, cookies, viewport={"width": NARROW, "height": 640}) as opened:
        answer = await opened.open(identity.url(own or path))
        assert (answer.status, opened.messages) == (200, [])
        assert not await opened.is_wider_than_the_screen()
        size, script, requests = await opened.sizes()
        assert size <= FIRST_PAGE
        assert script <= SCRIPT
        assert requests <= MOST_REQUESTS
        assert await violations(opened.page) == []
        assert "INVENT" not in await opened.page.title()
        await opened.open(identity.url(own or path))
        assert (await opened.sizes())[0] <= NEXT_PAGE


@pytest.mark.long
@pytest.mark.parametrize("variant", set(VARIANTS) - {"narrow"})
async def test_the_home_page_and_relatives_read_well_in_each_variant(
    identity: Identity, browser: Browser, variant: str
) -> None:
    async with tab(browser, identity.cookies, **VARIANTS[variant]) as opened:
        for path in ("/", OF_RECORD[0]):
            answer = await opened.open(identity.url(path))
            assert (answer.status, opened.messages) == (200, [])
            if variant != "without-script":  # axe is a script
                assert await violations(opened.page) == []
        heading = await opened.page.inner_text("h1")
        assert heading == ("Relatives" if variant == "english" else "Proches")


async def test_no_two_pages_have_one_title(identity: Identity, browser: Browser) -> None:
    titles = []
    async with tab(browser, identity.cookies) as opened:
        for path in {*SIGNED_IN, *OPEN_TO_ALL} - {"/connexion"}:
            await opened.open(identity.url(path))
            titles.append(await opened.page.title())
    assert len(set(titles)) == len(titles)


async def test_what_is_wrong_with_a_form_has_the_focus_and_leads_to_its_field(
    identity: Identity, browser: Browser
) -> None:
    async with tab(browser, []) as opened:
        await opened.open(identity.url("/connexion"))
        await opened.page.click("main button")
        focused = await opened.page.evaluate("document.activeElement.id")
        assert focused == "errors"
        await opened.page.click("#errors a")
        assert opened.page.url.endswith("#identifier")


async def test_a_mother_acts_for_her_child_and_each_page_says_so(identity: Identity, browser: Browser) -> None:
    async with tab(browser, identity.cookies, java_script_enabled=False) as opened:
        page = opened.page
        await opened.open(identity.url("/"))
        await page.locator(".card").nth(1).get_by_role("link", name="Proches").click()
        await page.get_by_role("button", name="Agir pour").click()
        assert "Vous agissez pour votre enfant" in await page.inner_text("body")
        assert await page.inner_text("h1") == "Proches"
        await opened.open(identity.url(OF_RECORD[0]))
        assert "Votre dossier" in await page.inner_text("body")


async def test_after_signing_out_nothing_of_the_session_is_left_in_the_browser(
    identity: Identity, browser: Browser
) -> None:
    async with tab(browser, []) as opened:
        await sign_in(identity, opened)
        await opened.page.get_by_role("button", name="Se déconnecter").click()
        assert "Votre session est terminée" in await opened.page.inner_text("h1")
        left = {cookie["name"] for cookie in await opened.page.context.cookies()}
        assert left <= {"lang"}
        await opened.open(identity.url("/compte"))
        assert opened.page.url.startswith(identity.url("/connexion"))
