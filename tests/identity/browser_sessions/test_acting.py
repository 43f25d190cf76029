"""Acting in the record of another in a browser, and the sessions of professionals there."""

from uuid import UUID

from shared.http.tokens import Caller, TokenVerifier
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.browser import Browser, Site, hidden_fields
from tests.infra.identity.identity_api import query
from tests.infra.identity.people import adult, open_minor

ACCESS, ACTING, HOLDER_NAME = "__Host-access", "__Secure-acting", "__Secure-holder"


async def demo(browser: Browser, record_id: UUID) -> None:
    """Signs in as the holder of a record, as the demonstration does."""
    answered = await browser.post("/session/demo", record=str(record_id))
    assert answered.status_code == 303, answered.text


async def caller_of(token: str | None) -> Caller:
    """Returns the caller of an access token."""
    return await TokenVerifier(SETTINGS, TestKeys()).verify(token or "")


async def family(site: Site) -> tuple[UUID, UUID]:
    """Returns the records of a parent and of the child whom they represent."""
    parent = await adult(site.api, 1)
    opened = await open_minor(site.api, 1)
    assert opened.status_code in (201, 202), opened.text
    return parent, UUID(opened.json()["record_id"])


async def test_a_page_of_the_record_of_a_child_asks_for_whom_and_a_button_takes_the_token(site: Site) -> None:
    parent, child = await family(site)
    browser, page = site.browser(), f"/dossier/{child}/documents"
    await demo(browser, parent)
    asked = await browser.client.get("/session/continue", params={"to": page})
    question = await browser.get(asked.headers["location"])
    assert question.status_code == 200
    assert "Agir pour" in question.text
    assert browser.cookie(ACTING) is None
    taken = await browser.post("/session/acting", **hidden_fields(question.text))
    assert (taken.status_code, taken.headers["location"]) == (303, page)
    acting = next(cookie for cookie in browser.client.cookies.jar if cookie.name == ACTING)
    assert acting.path == f"/dossier/{child}"
    caller = await caller_of(acting.value)
    assert (caller.kind, caller.id, caller.record_id) == ("representative", str(parent), child)
    assert caller.session_id == (await caller_of(browser.cookie(ACCESS))).session_id
    assert ("permitted", "acting-as-representative", "representative") in await site.api.entries("sign-in")


async def test_once_confirmed_the_token_of_acting_is_renewed_without_another_entry(site: Site) -> None:
    parent, child = await family(site)
    browser, page = site.browser(), f"/dossier/{child}/documents"
    await demo(browser, parent)
    await browser.post("/session/acting", to=page)
    entries = await site.api.entries("sign-in")
    browser.without(ACTING)
    renewed = await browser.client.get("/session/continue", params={"to": page})
    assert renewed.headers["location"] == page
    assert (await caller_of(browser.cookie(ACTING))).record_id == child
    browser.without(ACTING)
    await browser.get("/session/renew", referer=f"https://dmp.localhost{page}")
    assert (await caller_of(browser.cookie(ACTING))).record_id == child
    assert await site.api.entries("sign-in") == entries


async def test_who_has_no_relation_learns_nothing_and_the_refusal_is_recorded(site: Site) -> None:
    parent, _ = await family(site)
    stranger = await adult(site.api, 2)
    browser, page = site.browser(), f"/dossier/{parent}/documents"
    await demo(browser, stranger)
    assert (await browser.client.get("/session/acting", params={"to": page})).status_code == 404
    assert (await browser.post("/session/acting", to=page)).status_code == 404
    assert browser.cookie(ACTING) is None
    assert ("refused", "record-unknown", "patient") in await site.api.entries("sign-in")


async def test_a_lost_relation_ends_the_renewal(site: Site) -> None:
    parent, child = await family(site)
    browser, page = site.browser(), f"/dossier/{child}/documents"
    await demo(browser, parent)
    await browser.post("/session/acting", to=page)
    await query(site.api.database, "update representations set status = 'ended'")
    browser.without(ACTING)
    renewed = await browser.client.get("/session/continue", params={"to": page})
    assert renewed.headers["location"].startswith("/session/acting?")
    assert browser.cookie(ACTING) is None
