"""Who may see a record, and each change of it, in a real browser."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from services.consent.directory.steps import copy_searchable_names
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import transaction
from tests.infra.consent.consent_api import Record, consent_api
from tests.infra.messaging.messages import message
from tests.infra.pages.browser import Tab, tab
from tests.infra.pages.served import WAYS, assert_is_for_everybody, assert_is_whole, served_pages, signed_in
from tests.infra.platform.databases import Databases
from tests.infra.platform.waiting import eventually

DOCTOR, NURSE, CLINIC = "899700000001", "899700000002", "1750000001"
PAGES = (
    *("", "/versions", "/urgence", "/chercher", "/chercher?nom=marbeuf&pour=block-professional"),
    f"/changer?action=authorise-professional&subject={NURSE}",
)


class Rights:
    """The pages of one record's choices at their address."""

    def __init__(self, record: Record, origin: str) -> None:
        self.record, self.base = record, f"{origin}/dossier/{record.id}/acces"

    @asynccontextmanager
    async def tab(self, browser: Browser, **options: Any) -> AsyncIterator[Tab]:
        """Yields a tab of the signed-in holder; records applies each new version meanwhile."""
        applying = asyncio.create_task(self._apply_versions())
        try:
            async with tab(browser, signed_in(self.record.id, self.record.holder), **options) as opened:
                yield opened
        finally:
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)

    async def _apply_versions(self) -> None:
        query = "select version from consent_states where record_id = $1 and version > version_in_force"
        pool = self.record.api.pool
        while True:
            await self.record.put_in_force(await eventually(lambda: pool.fetchval(query, self.record.id), seconds=600))


@pytest_asyncio.fixture(scope="module")
async def rights(databases: Databases) -> AsyncIterator[Rights]:
    """An open record with a médecin traitant and a blocked nurse, and a directory that knows them."""
    database = await databases.new("consent")
    people = ((DOCTOR, "Dr Inès Marbeuf", "G15_10"), (NURSE, "Paul Tavernier", "G15_60"))
    async with consent_api(database) as api:
        entries: list[ProfessionalChanged | StructureChanged] = [
            ProfessionalChanged(professional_id=id, version=1, name=name, profession=role, structure_ids=(CLINIC,))
            for id, name, role in people
        ]
        clinic = StructureChanged(structure_id=CLINIC, version=1, name="Clinique du Lac")
        async with transaction(api.pool) as connection:
            await copy_searchable_names(connection, [message(entry) for entry in (*entries, clinic)])
        record = await api.open_record()
        await record.ask("PUT", f"attending-doctors/{DOCTOR}")
        app = api.client._transport.app  # type: ignore[attr-defined] # the app behind the transport
        async with served_pages(app) as origin:
            yield Rights(record, origin)
    await databases.give_back(database)


async def test_each_page_is_for_everybody_and_has_a_title_of_its_own(rights: Rights, browser: Browser) -> None:
    titles = []
    async with rights.tab(browser) as tab:
        for path in PAGES:
            await assert_is_for_everybody(tab, rights.base + path)
            titles.append(await tab.page.title())
    assert len({*titles}) == len(PAGES)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_each_page_is_whole_in_each_way_of_looking_at_it(rights: Rights, browser: Browser, way: str) -> None:
    async with rights.tab(browser, **WAYS[way]) as tab:
        for path in PAGES:
            await assert_is_whole(tab, rights.base + path, way)


@pytest.mark.parametrize("has_script", [True, False])
async def test_a_nurse_is_searched_by_name_authorised_and_stopped_with_or_without_script(
    rights: Rights, browser: Browser, has_script: bool
) -> None:
    before = len(await rights.record.entries())
    async with rights.tab(browser, java_script_enabled=has_script) as tab:
        page = tab.page
        await tab.open(rights.base)
        await page.get_by_role("link", name="Autoriser un professionnel ou une structure").click()
        await page.get_by_label("Nom").fill("tavernier")
        await page.get_by_role("button", name="Chercher").click()
        await page.get_by_role("link", name="Choisir : Paul Tavernier").click()
        await page.get_by_label("Pour combien de temps ?").select_option("month")
        assert len(await rights.record.entries()) == before, "nothing changes before it is confirmed"
        await page.get_by_role("button", name="Confirmer").click()
        assert "Votre choix s’applique" in await page.get_by_role("status").inner_text()
        assert await page.evaluate("document.activeElement.id") == "done" if has_script else True
        await page.get_by_role("link", name="Retirer : Paul Tavernier").click()
        await page.get_by_role("button", name="Confirmer").click()
        assert await page.get_by_role("link", name="Retirer : Paul Tavernier").count() == 0
        assert tab.messages == []
    made = [(entry.action, entry.subject_id) for entry in (await rights.record.entries())[before:]]
    assert made == [("authorise-professional", NURSE), ("end-authorisation", NURSE)]


async def test_the_keyboard_alone_changes_what_may_be_read_in_an_emergency(rights: Rights, browser: Browser) -> None:
    async with rights.tab(browser) as tab:
        page = tab.page
        await tab.open(f"{rights.base}/urgence")
        await page.get_by_label("Le SAMU (le 15) peut consulter le dossier").focus()
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        await page.get_by_text("Le SAMU (le 15) ne peut pas consulter le dossier.").wait_for()
        await page.get_by_role("button", name="Confirmer").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("Votre choix s’applique").wait_for()
    assert (await rights.record.choices())["emergency"]["regulation_centre"] is False


async def test_a_refusal_takes_the_focus_and_says_what_to_do(rights: Rights, browser: Browser) -> None:
    await rights.record.ask("PUT", f"blocks/{NURSE}")
    async with rights.tab(browser) as tab:
        await tab.open(f"{rights.base}/changer?action=authorise-professional&subject={NURSE}")
        await tab.page.get_by_role("button", name="Confirmer").click()
        assert "Débloquez-la d’abord" in await tab.page.get_by_role("alert").inner_text()
        assert await tab.page.evaluate("document.activeElement.id") == "errors"
