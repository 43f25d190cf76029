"""The alerts of a record and the preferences, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.infra.notify.alert_holder import Holder, holder_of
from tests.infra.pages.browser import Tab, tab
from tests.infra.pages.served import WAYS, assert_is_for_everybody, assert_is_whole, served_pages, signed_in
from tests.infra.platform.databases import Databases


class Alerts:
    """The page of one record's alerts at its address."""

    def __init__(self, holder: Holder, origin: str) -> None:
        self.holder, self.url = holder, f"{origin}/dossier/{holder.record_id}/alertes"

    @asynccontextmanager
    async def tab(self, browser: Browser, **options: Any) -> AsyncIterator[Tab]:
        """Yields a tab of the signed-in holder."""
        async with tab(browser, signed_in(self.holder.record_id, self.holder.token), **options) as opened:
            yield opened


@pytest_asyncio.fixture(scope="module")
async def alerts(databases: Databases) -> AsyncIterator[Alerts]:
    """A record with an alert in each state."""
    database = await databases.new("notify")
    async with holder_of(database) as holder:
        await holder.raise_alert()
        await holder.raise_alert("emergency", document_id=None, channel="sms", status="failed", reason="smtp-550")
        await holder.raise_alert("consultation", document_id=None, status="unwanted", reason="switched-off")
        await holder.raise_alert("history", document_id=None, status="queued")
        app = holder.client._transport.app  # type: ignore[attr-defined] # the app behind the transport
        async with served_pages(app) as origin:
            yield Alerts(holder, origin)
    await databases.give_back(database)


async def test_the_page_is_for_everybody_and_whole_in_each_way_of_looking_at_it(
    alerts: Alerts, browser: Browser
) -> None:
    async with alerts.tab(browser) as tab:
        await assert_is_for_everybody(tab, alerts.url)
    for way, options in WAYS.items():
        async with alerts.tab(browser, **options) as tab:
            await assert_is_whole(tab, alerts.url, way)


@pytest.mark.parametrize("has_script", [True, False])
async def test_preferences_are_chosen_with_or_without_script(
    alerts: Alerts, browser: Browser, has_script: bool
) -> None:
    async with alerts.tab(browser, java_script_enabled=has_script) as tab:
        await tab.open(alerts.url)
        box = tab.page.get_by_label("Un mail quand un professionnel consulte le dossier")
        await box.set_checked(not has_script)
        await tab.page.get_by_role("button", name="Enregistrer").click()
        assert "sont enregistrés" in await tab.page.get_by_role("status").inner_text()
        assert await box.is_checked() is not has_script
        assert tab.messages == []
