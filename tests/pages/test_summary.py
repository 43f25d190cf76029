"""The summary sheet as a page, in a real browser."""

import pytest
from playwright.async_api import Browser

from tests.infra.pages.browser import FIRST_PAGE, NARROW, violations
from tests.infra.pages.site import Site

VARIANTS = [{"viewport": {"width": NARROW, "height": 640}}, {"color_scheme": "dark"}, {"forced_colors": "active"}]


@pytest.mark.parametrize("variant", [{}, *VARIANTS], ids=["desk", "narrow", "dark", "forced-colours"])
async def test_the_sheet_is_within_reach_of_everybody(site: Site, browser: Browser, variant: dict[str, object]) -> None:
    async with site.tab(browser, **variant) as tab:
        await site.entries()
        answer = await tab.open(site.url("synthese"))
        assert (answer.status, tab.messages) == (200, [])
        assert await site.entries() == [("read-summary", "permitted")]
        assert (await tab.sizes())[0] <= FIRST_PAGE
        assert await violations(tab.page) == []
        assert not await tab.is_wider_than_the_screen()


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
async def test_each_line_says_how_far_to_trust_it_and_leads_to_its_document(
    site: Site, browser: Browser, has_script: bool
) -> None:
    async with site.tab(browser, java_script_enabled=has_script) as tab:
        await tab.open(site.url("synthese"))
        titles = await tab.page.locator("main h2").all_inner_texts()
        assert titles[:3] == ["Groupe sanguin", "Allergies et intolérances", "Traitements"]
        line = tab.page.locator("li", has_text="Pénicilline")
        assert "Proposé" in await line.inner_text()
        await line.get_by_role("link").click()
        assert await tab.page.inner_text("h1") == "Consultation de cardiologie"


async def test_what_a_part_of_a_neighbour_shows_stays_a_link_without_script(site: Site, browser: Browser) -> None:
    for has_script in (True, False):
        async with site.tab(browser, java_script_enabled=has_script) as tab:
            await tab.open(site.document("letter"))
            if has_script:
                await tab.page.get_by_role("heading", name="Qui a vu ce document").wait_for()
                assert await tab.page.locator(".part").get_attribute("aria-live") == "polite"
            else:
                await tab.page.get_by_role("link", name="Qui a vu ce document").click()
                assert await tab.page.inner_text("h1") == "Qui a vu ce document"
            assert tab.messages == []
