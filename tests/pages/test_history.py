"""Who did what with a record, and the alerts about it, in a real browser."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from shared.contracts.base import Actor
from shared.contracts.identity import ProfessionalChanged
from shared.db.pool import transaction
from shared.public_names import copy_names
from tests.infra.audit.keys import MOTIVES
from tests.infra.audit.ledger import DOCTOR, Ledger, audit_api, doctor, judged, reading
from tests.infra.http.tokens import patient_token
from tests.infra.messaging.messages import message
from tests.infra.pages.browser import tab
from tests.infra.pages.served import WAYS, assert_is_for_everybody, assert_is_whole, served_pages, signed_in
from tests.infra.platform.databases import Databases


class History:
    """The pages of the ledger of one record at their address."""

    def __init__(self, ledger: Ledger, origin: str, document_id: UUID, paths: dict[str, str]) -> None:
        self.ledger, self.document_id, self.paths = ledger, document_id, paths
        self.base = f"{origin}/dossier/{ledger.record_id}"
        self.cookies = signed_in(ledger.record_id, patient_token(ledger.record_id))

    def url(self, name: str) -> str:
        """Returns the address of a page by its name here."""
        return f"{self.base}/{self.paths[name]}"


@pytest_asyncio.fixture(scope="module")
async def history(databases: Databases) -> AsyncIterator[History]:
    """A record whose doctor read a document, was refused another one, and opened it in an emergency."""
    database = await databases.new("audit")
    async with audit_api(database) as client:
        ledger = Ledger(client)
        await ledger.record()
        person = ProfessionalChanged(professional_id=DOCTOR, version=1, name="Dr Alix Marbeuf", profession="G15_10")
        async with transaction(ledger.pool) as connection:
            await copy_names(connection, [message(person)])
        document_id = await ledger.document()
        reads = [
            await ledger.access(doctor(), "read-document", judged(reading()), document_id=document_id) for _ in range(3)
        ]
        refusal = await ledger.access(doctor(), "read-document", judged(reading(blocked="professional")))
        facts = reading(mode="bris_de_glace", motive=True, record_named=True, break_glass=True)
        motive = MOTIVES.transport_keys.encrypt_jwe(b"inconscient", "motive")
        decision = {**judged(facts), "mode": "bris_de_glace", "motive": motive}
        await ledger.access(doctor(), "read-document", decision, document_id=document_id, session_id=uuid4())
        own = {"outcome": "permitted", "reason": "patient-side"}
        me = Actor(kind="patient", id=str(ledger.record_id))
        await ledger.access(me, "block-professional", own, subject_id=DOCTOR)
        paths = {
            "list": "historique",
            "why": f"historique/{reads[0]}",
            "why-refused": f"historique/{refusal}",
            "document": f"historique/document/{document_id}",
            "emergencies": "urgences",
        }
        app = client._transport.app  # type: ignore[attr-defined] # the app behind the transport
        async with served_pages(app) as origin:
            yield History(ledger, origin, document_id, paths)
    await databases.give_back(database)


async def test_each_page_is_for_everybody_and_has_a_title_of_its_own(history: History, browser: Browser) -> None:
    titles = []
    async with tab(browser, history.cookies) as opened:
        for name in history.paths:
            await assert_is_for_everybody(opened, history.url(name))
            titles.append(await opened.page.title())
    assert len({*titles}) == len(titles)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_each_page_is_whole_in_each_way_of_looking_at_it(history: History, browser: Browser, way: str) -> None:
    async with tab(browser, history.cookies, **WAYS[way]) as opened:
        for name in history.paths:
            await assert_is_whole(opened, history.url(name), way)


async def test_from_a_line_one_comes_to_its_reason_and_back(history: History, browser: Browser) -> None:
    async with tab(browser, history.cookies) as opened:
        page = opened.page
        await opened.open(history.url("list"))
        lines = page.locator("main .list > li")
        assert await lines.count() == 4, "a deposit, three readings in one line, a refusal, an emergency"
        assert await page.locator(".urgent").count() == 1
        assert "3 fois" in await lines.nth(2).inner_text()
        await lines.nth(1).get_by_role("link", name="Pourquoi était-ce refusé ?").click()
        assert "a bloqué ce professionnel" in await page.locator(".warning").inner_text()
        await page.get_by_role("link", name="← Qui a fait quoi dans le dossier").click()
        await page.get_by_role("link", name="Les afficher").click()
        assert await page.get_by_text("avez bloqué").count() == 1
        assert opened.messages == []


async def test_the_part_for_a_documents_page_has_no_page_around_it(history: History, browser: Browser) -> None:
    async with tab(browser, history.cookies) as opened:
        await opened.open(history.url("list"))
        fetched = "async url => (await fetch(url, {headers: {'X-Part': '1'}})).text()"
        part = await opened.page.evaluate(fetched, history.url("document"))
        assert part.lstrip().startswith("<h2>Qui a vu ce document</h2>")
        assert "Dr Alix Marbeuf" in part
        assert "<html" not in part
