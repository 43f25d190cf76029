"""The documents of a record, and one of them, in a real browser."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import Browser

from tests.infra.http.tokens import make_token
from tests.infra.pages.browser import FIRST_PAGE, MOST_REQUESTS, NARROW, NEXT_PAGE, SCRIPT, tab, violations
from tests.infra.pages.site import HOLDER, Site

PAGES = {
    "list": "documents",
    "rubric": "documents?rubrique=reports&titre=lettre",
    "nothing": "documents?titre=introuvable",
    "letter": "documents/{letter}",
    "prescription": "documents/{prescription}",
    "picture": "documents/{picture}",
    "text": "documents/{consultation}",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "narrow": {"viewport": {"width": NARROW, "height": 640}},
    "dark": {"color_scheme": "dark"},
    "forced-colours": {"forced_colors": "active"},
    "without-script": {"java_script_enabled": False},
    "english": {"locale": "en-GB"},
}


def address(site: Site, page: str) -> str:
    return site.url(PAGES[page].format(**site.documents))


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_is_within_reach_of_everybody_on_a_slow_line(site: Site, browser: Browser, page: str) -> None:
    async with site.tab(browser) as tab:
        answer = await tab.open(address(site, page))
        assert (answer.status, tab.messages) == (200, [])
        size, script, requests = await tab.sizes()
        assert size <= FIRST_PAGE
        assert script <= SCRIPT
        assert requests <= MOST_REQUESTS
        assert await violations(tab.page) == []
        assert HOLDER.name not in await tab.page.title()
        assert HOLDER.name in await tab.page.inner_text("body")
        await tab.open(address(site, page))
        assert (await tab.sizes())[0] <= NEXT_PAGE


async def test_no_two_pages_have_one_title(site: Site, browser: Browser) -> None:
    titles = []
    async with site.tab(browser) as tab:
        for page in set(PAGES) - {"nothing"}:
            await tab.open(address(site, page))
            titles.append(await tab.page.title())
    assert len(set(titles)) == len(titles)
    assert not any("pneumologie" in title for title in titles), "a title stays in the browser's history"


@pytest.mark.long
@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_page_is_whole_in_each_way_of_looking_at_it(site: Site, browser: Browser, variant: str) -> None:
    async with site.tab(browser, **VARIANTS[variant]) as tab:
        for page in ("list", "letter", "prescription"):
            answer = await tab.open(address(site, page))
            assert (answer.status, tab.messages) == (200, []), page
            if variant != "without-script":  # axe is a script
                assert await violations(tab.page) == [], page
                assert not await tab.is_wider_than_the_screen(), page
            heading = await tab.page.inner_text("h1")
            expected = {"list": "Documents", "letter": "Lettre de liaison, pneumologie"}.get(page, heading)
            assert heading == expected
            if variant == "english":
                assert await tab.page.get_attribute("html", "lang") == "en"


async def test_the_keyboard_alone_reaches_the_content_first(site: Site, browser: Browser) -> None:
    async with site.tab(browser) as tab:
        await tab.open(site.url())
        await tab.page.keyboard.press("Tab")
        assert await tab.page.evaluate("document.activeElement.className") == "skip"
        await tab.page.keyboard.press("Enter")
        assert await tab.page.evaluate("document.activeElement.id") == "main"
        await tab.page.keyboard.press("Tab")
        assert await tab.page.evaluate("document.activeElement.name") == "titre"
        await tab.page.keyboard.type("ordonnance")
        await tab.page.keyboard.press("Enter")
        await tab.page.wait_for_url("**titre=ordonnance**")
        assert await tab.page.locator(".list > li").count() == 1


async def test_sections_have_counts_and_documents_their_day_of_care(site: Site, browser: Browser) -> None:
    async with site.tab(browser) as tab:
        await tab.open(site.url())
        counts = await tab.page.locator(".sections .count").all_inner_texts()
        assert counts == ["8", "0", "1", "3", "1", "1", "1", "1", "0"]
        assert await tab.page.locator("main h2").all_inner_texts() == ["2026", "2025", "2024"]
        await tab.page.get_by_role("link", name="Imagerie").click()
        assert await tab.page.locator(".list a").all_inner_texts() == ["Radiographie du thorax"]
        await tab.open(site.url("documents?du=2025-09-01&au=2025-12-31"))
        assert await tab.page.locator("main h2").all_inner_texts() == ["2025"]


async def test_each_page_stands_in_the_ledger_once_and_a_file_when_it_is_opened(site: Site, browser: Browser) -> None:
    async with site.tab(browser) as tab:
        await site.entries()
        await tab.open(site.url())
        assert await site.entries() == [("find-documents", "permitted")]
        for name, action in (("letter", "read"), ("picture", "read"), ("consultation", "read")):
            await tab.open(site.document(name))
            assert await site.entries() == [(f"{action}-document", "permitted")], name
        await tab.open(site.document("prescription"))
        assert await site.entries() == [("find-documents", "permitted")]
        async with tab.page.expect_response("**/contenu") as fetched:
            await tab.page.get_by_text("Lire ici").click()
        assert (await fetched.value).headers["content-type"] == "application/pdf"
        assert await site.entries() == [("read-document", "permitted")]
        assert tab.messages == []


async def test_a_file_is_saved_under_its_title(site: Site, browser: Browser) -> None:
    async with site.tab(browser, accept_downloads=True) as tab:
        await tab.open(site.document("certificate"))
        async with tab.page.expect_download() as saved:
            await tab.page.get_by_role("link", name="Télécharger").click()
        assert (await saved.value).suggested_filename == "Aptitude au sport, saison 2024.pdf"


async def test_nothing_that_a_document_brings_runs_or_leads_elsewhere(site: Site, browser: Browser) -> None:
    async with site.tab(browser) as tab:
        await tab.open(site.document("letter"))
        paper = tab.page.locator(".paper")
        assert await paper.locator("th").all_inner_texts() == ["Médicament", "Dose", "Durée"]
        assert await paper.locator("strong").inner_text() == "pneumopathie"
        assert await paper.locator("script, style, iframe, form").count() == 0
    cookie = {"cookie": f"__Host-access={site.token()}"}
    answer = await site.api.client.get(site.path(f"documents/{site.documents['prescription']}/contenu"), headers=cookie)
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox; frame-ancestors 'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_prefetch_reads_nothing(site: Site, browser: Browser) -> None:
    async with site.tab(browser, extra_http_headers={"sec-purpose": "prefetch"}) as tab:
        await site.entries()
        assert (await tab.open(site.document("letter"))).status == 503
        assert await site.entries() == []


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
async def test_the_holder_masks_a_document_and_shows_it_again(site: Site, browser: Browser, has_script: bool) -> None:
    async with site.tab(browser, java_script_enabled=has_script) as tab:
        await tab.open(site.document("operation"))
        await tab.page.get_by_role("button", name="Masquer aux professionnels").click()
        assert await tab.page.inner_text("[role=status]") == "Le document est masqué aux professionnels."
        await tab.open(site.url())
        assert "Masqué aux professionnels" in await tab.page.inner_text("main")
        await tab.open(site.document("operation"))
        await tab.page.get_by_role("button", name="Ne plus masquer").click()
        assert await tab.page.inner_text("[role=status]") == "Le document n’est plus masqué."
        assert await tab.page.get_by_role("button", name="Masquer aux professionnels").count() == 1


async def test_a_form_that_comes_too_late_is_kept_and_goes_on(site: Site, browser: Browser) -> None:
    own, late = site.cookies(), make_token("patient", str(site.record_id), record_id=site.record_id, exp=1)
    async with tab(browser, own, java_script_enabled=False) as opened:
        await opened.open(site.document("vaccines"))
        await opened.page.context.add_cookies([{**own[0], "value": late}])  # type: ignore[typeddict-item]
        await opened.page.get_by_role("button", name="Masquer aux professionnels").click()
        assert await opened.page.inner_text("h1") == "Un instant avant d’envoyer"
        await opened.page.context.add_cookies(own)  # type: ignore[arg-type]  # as identity does when it renews
        await opened.page.get_by_role("button", name="Envoyer").click()
        assert "masqué" in await opened.page.inner_text("[role=status]")


async def test_without_a_session_the_page_asks_identity_and_says_where_to_come_back(site: Site) -> None:
    answer = await site.api.client.get(site.path("documents?titre=bilan"))
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == "/session/continue"


async def test_the_record_of_somebody_else_shows_as_nothing(site: Site, browser: Browser) -> None:
    other = uuid4()
    stranger = make_token("patient", str(other), record_id=other, sid=str(uuid4()))
    async with tab(browser, site.cookies(stranger)) as opened:
        await opened.open(site.url())
        assert await opened.page.locator(".sections .count").first.inner_text() == "0"
        assert (await opened.open(site.document("letter"))).status == 404
        assert "rien que vous puissiez voir" in await opened.page.inner_text("main")


async def test_who_comes_back_sees_what_is_new(site: Site, browser: Browser) -> None:
    first, second = uuid4(), uuid4()
    async with tab(browser, site.cookies(site.token(first))) as opened:
        await opened.open(site.url())
        assert await opened.page.locator(".tag.new").count() == 0
    await site.add("echography", "18748-4", "Échographie abdominale", "2026-04-02")
    async with tab(browser, site.cookies(site.token(second))) as opened:
        await opened.open(site.url())
        assert "1 document est nouveau depuis votre visite" in await opened.page.inner_text("main")
        assert await opened.page.locator(".list > li").first.locator(".tag.new").inner_text() == "Nouveau"
