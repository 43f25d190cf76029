"""Professionals sign in to a browser with Pro Santé Connect; no page shows a token."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio

from deploy.local.platform.psc import Provider
from shared.http.tokens import Caller, TokenVerifier
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.browser import ORIGIN, Browser, Site, run_site
from tests.infra.identity.identity_api import open_one, query
from tests.infra.identity.professionals import DOCTOR, HOSPITAL, PAGES_REDIRECT, STRANGER, doors, enter_all
from tests.infra.platform.databases import Database

SESSION, ACCESS = "__Secure-session", "__Host-access"


@pytest_asyncio.fixture
async def site(database: Database, provider: Provider) -> AsyncIterator[Site]:
    """Identity with its pages, the provider, and the professionals in the directory."""
    async with run_site(database, settings=doors(database, provider)) as made:
        await enter_all(made.api.client)
        yield made


async def at_the_provider(browser: Browser, person: str) -> str:
    """Begins in the browser, chooses the person at the provider, and returns the path to which they are led back."""
    begun = await browser.get("/soins/connexion")
    assert begun.status_code == 303
    async with httpx2.AsyncClient() as client:
        back = (await client.get(f"{begun.headers['location']}&person={person}")).headers["location"]
    assert back.startswith(f"{PAGES_REDIRECT}?")
    return str(back.removeprefix(ORIGIN))


async def caller_of(browser: Browser) -> Caller:
    """Returns whom the browser's cookies name."""
    return await TokenVerifier(SETTINGS, TestKeys()).verify(browser.cookie(ACCESS) or "")


async def test_a_doctor_comes_back_signed_in_and_goes_on_without_the_provider(site: Site) -> None:
    browser = site.browser()
    answered = await browser.get(await at_the_provider(browser, DOCTOR.id))
    assert (answered.status_code, answered.headers["location"]) == (303, "/soins")
    assert answered.text == ""
    caller = await caller_of(browser)
    assert (caller.kind, caller.id, caller.organisation_id) == ("professional", DOCTOR.id, HOSPITAL)
    first = browser.cookie(ACCESS)
    assert (await browser.get("/session/renew")).status_code == 204
    assert browser.cookie(ACCESS) != first
    assert (await caller_of(browser)).session_id == caller.session_id
    assert DOCTOR.id in (await browser.get("/soins")).text


async def test_a_patient_s_session_here_ends_and_a_page_says_so(site: Site) -> None:
    record_id = await open_one(site.api.client)
    browser = site.browser()
    await browser.post("/session/demo", record=str(record_id))
    patient = browser.cookie(SESSION)
    answered = await browser.get(await at_the_provider(browser, DOCTOR.id))
    assert answered.status_code == 200
    assert "Sa session est terminée" in answered.text
    assert (await caller_of(browser)).kind == "professional"
    stolen = await browser.client.get("/session/renew", headers={"cookie": f"{SESSION}={patient}"})
    assert stolen.status_code == 401


async def test_another_browser_cannot_finish_and_nothing_is_finished_twice(site: Site) -> None:
    browser, other = site.browser(), site.browser()
    back = await at_the_provider(browser, DOCTOR.id)
    assert (await other.get(back)).status_code == 422
    assert other.cookie(SESSION) is None
    assert (await browser.get(back)).status_code == 422


async def test_who_is_not_in_the_directory_is_told_what_to_do(site: Site) -> None:
    browser = site.browser()
    refused = await browser.get(await at_the_provider(browser, STRANGER.id))
    assert refused.status_code == 403
    assert "ordre" in refused.text
    assert browser.cookie(SESSION) is None


@pytest.mark.parametrize("change", ["status = 'inactive'", "structure_ids = '{}'"])
async def test_a_session_ends_when_the_directory_no_longer_admits_the_professional(site: Site, change: str) -> None:
    browser = site.browser()
    await browser.get(await at_the_provider(browser, DOCTOR.id))
    await query(site.api.database, f"update professionals set {change}")
    assert (await browser.get("/session/renew")).status_code == 401
