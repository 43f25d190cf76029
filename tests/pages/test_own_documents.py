"""A document of one's own, by a form with a file."""

import pytest
from playwright.async_api import Browser, FilePayload, Page

from shared.contracts.records import DocumentReceived
from tests.infra.pages.browser import NARROW, violations
from tests.infra.pages.site import Site, a_pdf

FORM = "documents/ajouter"
FILE: FilePayload = {"name": "avis.pdf", "mimeType": "application/octet-stream", "buffer": a_pdf("Avis")}


async def fill(page: Page, title: str, file: FilePayload = FILE) -> None:
    await page.get_by_label("Fichier").set_input_files(file)
    await page.get_by_label("Titre").fill(title)
    await page.get_by_label("De quoi s’agit-il").select_option("DOCPAT03")


async def deposited(site: Site) -> list[DocumentReceived]:
    received: list[DocumentReceived] = await site.api.announced(DocumentReceived)
    await site.api.pool.execute("delete from outbox")
    return received


@pytest.mark.parametrize("has_script", [True, False], ids=["with-script", "without-script"])
async def test_a_document_is_added_and_appears_once_it_is_checked(
    site: Site, browser: Browser, has_script: bool
) -> None:
    title = f"Avis du cardiologue {has_script}"
    await deposited(site)
    async with site.tab(browser, java_script_enabled=has_script) as tab:
        await tab.open(site.url())
        await tab.page.get_by_role("link", name="Ajouter un document").click()
        await fill(tab.page, title)
        await tab.page.get_by_label("Date du document").fill("2026-02-03")
        await tab.page.get_by_role("button", name="Ajouter").click()
        assert "Votre document est envoyé" in await tab.page.inner_text("[role=status]")
        [received] = await deposited(site)
        await site.api.decide(received.document_id)
        await tab.open(site.url("documents?rubrique=reports"))
        assert await tab.page.get_by_role("link", name=title).count() == 1
        assert "3 février 2026" in await tab.page.inner_text("main")
        await tab.page.get_by_role("link", name=title).click()
        await tab.page.get_by_text("Supprimer ce document").click()
        await tab.page.get_by_role("button", name="Supprimer définitivement").click()
        assert await tab.page.inner_text("[role=status]") == "Le document est supprimé."
        assert await tab.page.get_by_role("link", name=title).count() == 0


async def test_a_form_that_is_sent_twice_adds_one_document(site: Site, browser: Browser) -> None:
    await deposited(site)
    async with site.tab(browser) as tab:
        await tab.open(site.url(FORM))
        id = await tab.page.get_attribute("[name=form-id]", "value")
        for _ in range(2):
            await tab.open(site.url(FORM))
            await tab.page.evaluate(f"document.querySelector('[name=form-id]').value = '{id}'")
            await fill(tab.page, "Envoyé deux fois")
            await tab.page.get_by_role("button", name="Ajouter").click()
            await tab.page.wait_for_url("**fait=ajoute")
    assert len(await deposited(site)) == 1


async def test_what_is_wrong_is_summed_up_first_and_what_was_typed_stays(site: Site, browser: Browser) -> None:
    await deposited(site)
    async with site.tab(browser, viewport={"width": NARROW, "height": 640}) as tab:
        await tab.open(site.url(FORM))
        assert await violations(tab.page) == []
        await tab.page.get_by_label("Titre").fill("Mon avis")
        await tab.page.get_by_label("Date du document").fill("2999-01-01")
        await tab.page.get_by_role("button", name="Ajouter").click()
        assert await tab.page.evaluate("document.activeElement.id") == "errors"
        summary = tab.page.locator("#errors")
        assert await summary.locator("h2").inner_text() == "Il y a 3 points à corriger"
        assert await violations(tab.page) == []
        assert not await tab.is_wider_than_the_screen()
        assert await tab.page.get_by_label("Titre").input_value() == "Mon avis"
        await summary.get_by_role("link", name="Choisissez un fichier").click()
        assert await tab.page.evaluate("document.activeElement.id") == "fichier"
    assert await deposited(site) == []


async def test_a_file_of_a_strange_format_is_refused_in_plain_words(site: Site, browser: Browser) -> None:
    program: FilePayload = {"name": "avis.pdf", "mimeType": "application/pdf", "buffer": b"\x7fELF" + bytes(90)}
    async with site.tab(browser) as tab:
        await tab.open(site.url(FORM))
        await fill(tab.page, "Avis", program)
        await tab.page.get_by_role("button", name="Ajouter").click()
        assert "n’est pas d’un format accepté" in await tab.page.inner_text("#errors")
    assert await deposited(site) == []
