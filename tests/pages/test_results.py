"""Results over time: a sentence, a plot and a table, in a real browser."""

import pytest
from playwright.async_api import Browser

from tests.infra.pages.browser import FIRST_PAGE, NARROW, violations
from tests.infra.pages.site import PROTEIN, Site
from tests.infra.records.results import HAEMOGLOBIN

LIST, HAEMOGLOBINS = "resultats", f"resultats/analyse?code={HAEMOGLOBIN}"
VARIANTS = [{"viewport": {"width": NARROW, "height": 640}}, {"color_scheme": "dark"}, {"forced_colors": "active"}]


@pytest.mark.parametrize("page", [LIST, HAEMOGLOBINS, f"resultats/analyse?code={PROTEIN}"])
async def test_a_page_of_results_is_within_reach_of_everybody(site: Site, browser: Browser, page: str) -> None:
    async with site.tab(browser) as tab:
        await site.entries()
        answer = await tab.open(site.url(page))
        assert (answer.status, tab.messages) == (200, [])
        assert await site.entries() == [("find-documents", "permitted")]
        assert (await tab.sizes())[0] <= FIRST_PAGE
        assert await violations(tab.page) == []


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS, ids=["narrow", "dark", "forced-colours"])
async def test_the_plot_is_seen_in_each_way_of_looking(
    site: Site, browser: Browser, variant: dict[str, object]
) -> None:
    async with site.tab(browser, **variant) as tab:
        await tab.open(site.url(HAEMOGLOBINS))
        assert await violations(tab.page) == []
        assert not await tab.is_wider_than_the_screen()


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
async def test_a_sentence_says_first_what_plot_and_table_show(site: Site, browser: Browser, has_script: bool) -> None:
    async with site.tab(browser, java_script_enabled=has_script) as tab:
        await tab.open(site.url(LIST))
        await tab.page.get_by_role("link", name="Hémoglobine").click()
        assert await tab.page.inner_text("main .lead") == (
            "Le dernier résultat est 12,9 g/dL (14 mars 2026). Il est plus haut que le précédent. "
            "Il est dans l’intervalle de référence du laboratoire."
        )
        plot = tab.page.get_by_role("img", name="Hémoglobine")
        assert await plot.locator(".dot").count() == 3
        assert await plot.locator(".outside").count() == 2
        rows = await tab.page.locator("tbody tr").all_inner_texts()
        assert len(rows) == 5
        assert [row for row in rows if "En dessous" in row] == [rows[1], rows[2]]
        assert "Référence : 12 – 16" in rows[0].replace("\N{NO-BREAK SPACE}", " ")
        await tab.page.get_by_role("link", name="Bilan sanguin").first.click()
        assert await tab.page.inner_text("h1") == "Bilan sanguin : numération et CRP"


async def test_a_bound_is_no_point_of_a_plot(site: Site, browser: Browser) -> None:
    async with site.tab(browser, locale="en-GB") as tab:
        await tab.open(site.url(f"resultats/analyse?code={PROTEIN}"))
        assert await tab.page.inner_text("main .lead") == "The latest result is <5.0 mg/L (14 March 2026)."
        assert await tab.page.locator("svg").count() == 0


async def test_an_analysis_that_is_not_there_is_a_page_that_says_so(site: Site, browser: Browser) -> None:
    async with site.tab(browser) as tab:
        assert (await tab.open(site.url("resultats/analyse?code=0000-0"))).status == 404
        assert "rien que vous puissiez voir" in await tab.page.inner_text("main")
