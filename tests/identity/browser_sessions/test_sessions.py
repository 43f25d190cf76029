"""Sessions of holders in a browser: signing in, going on, signing out, and what the cookies allow."""

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from services.identity.browser_sessions.domain import IDLE
from shared.http.tokens import TokenVerifier
from shared.runtime import clock
from tests.infra.http.tokens import SETTINGS, TestKeys
from tests.infra.identity.accounts import FIREFOX, MAIL, OTHER_PASSWORD, PASSWORD, other_code
from tests.infra.identity.browser import Site
from tests.infra.identity.identity_api import query

SESSION, ACCESS, DEVICE, HOLDER_NAME = "__Secure-session", "__Host-access", "__Secure-device", "__Secure-holder"


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Moves the clock forward."""
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + by)


async def test_password_and_code_start_a_session_whose_cookies_no_script_reads(site: Site) -> None:
    record_id = await site.api.open_account()
    browser = site.browser()
    answered = await browser.sign_in(to=f"/dossier/{record_id}/documents")
    assert (answered.status_code, answered.headers["location"]) == (303, f"/dossier/{record_id}/documents")
    for cookie in answered.headers.get_list("set-cookie"):
        assert {"httponly", "secure", "samesite=lax"} <= {part.strip().lower() for part in cookie.split(";")}, cookie
    paths = {cookie.name: cookie.path for cookie in browser.client.cookies.jar}
    assert paths == {SESSION: "/session", ACCESS: "/", HOLDER_NAME: f"/dossier/{record_id}"}
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(browser.cookie(ACCESS) or "")
    assert (caller.kind, caller.record_id) == ("patient", record_id)
    assert await site.api.entries("sign-in") == [("permitted", "password-and-code", "patient")]
    (kept,) = await query(site.api.database, "select digest::text, is_kept from browser_sessions")
    assert (browser.cookie(SESSION) or "") not in kept["digest"]


async def test_on_a_shared_device_nothing_is_remembered_beyond_the_browser(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in()
    assert browser.cookie(DEVICE) is None
    assert {browser.expires(name) for name in (SESSION, ACCESS, HOLDER_NAME)} == {None}


async def test_on_the_own_device_the_session_outlives_the_browser_and_the_device_is_known(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in(own_device=True)
    assert browser.expires(SESSION) is not None
    await browser.sign_in(own_device=True)
    assert len(await site.api.messages("new-device")) == 1


async def test_a_wrong_code_is_said_beside_its_field_and_the_right_one_still_works(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    started = await browser.post("/connexion", identifier=MAIL, password=PASSWORD)
    challenge = dict(parse_qsl(urlsplit(started.headers["location"]).query, keep_blank_values=True))
    code = await site.api.code()
    refused = await browser.post("/session/code", code=other_code(code), **challenge)
    assert refused.status_code == 403
    assert 'id="code-error"' in refused.text
    assert browser.cookie(SESSION) is None
    assert (await browser.post("/session/code", code=code, **challenge)).status_code == 303


async def test_a_wrong_password_is_answered_by_a_page_that_keeps_the_identifier_alone(site: Site) -> None:
    await site.api.open_account()
    refused = await site.browser().post("/connexion", identifier=MAIL, password=OTHER_PASSWORD)
    assert refused.status_code == 403
    assert "pas le bon" in refused.text
    assert MAIL in refused.text
    assert OTHER_PASSWORD not in refused.text


async def test_going_on_renews_the_token_and_leads_back_to_the_page(site: Site) -> None:
    record_id = await site.api.open_account()
    browser = site.browser()
    await browser.sign_in()
    session, access = browser.cookie(SESSION), browser.cookie(ACCESS)
    browser.without(ACCESS)
    page = f"/dossier/{record_id}/documents?section=4"
    renewed = await browser.client.get("/session/continue", params={"to": page})
    assert (renewed.status_code, renewed.headers["location"]) == (303, page)
    assert browser.cookie(ACCESS) not in (None, access)
    assert browser.cookie(SESSION) == session
    assert (await browser.get("/session/renew")).status_code == 204


async def test_without_a_session_going_on_asks_to_sign_in_and_remembers_the_page(site: Site) -> None:
    page = "/dossier/0198c1f0-0000-8000-8000-000000000000/documents"
    asked = await site.browser().client.get("/session/continue", params={"to": page})
    assert asked.status_code == 303
    assert dict(parse_qsl(urlsplit(asked.headers["location"]).query)) == {"to": page}
    assert (await site.browser().get("/session/renew")).status_code == 401


@pytest.mark.parametrize("to", ["https://example.org/", "//example.org", "/\\example.org", "/records/1"])
async def test_no_redirect_leads_anywhere_but_to_a_page_of_ours(site: Site, to: str) -> None:
    await site.api.open_account()
    browser = site.browser()
    answered = await browser.sign_in(to=to)
    assert answered.headers["location"] == "/"
    assert (await browser.client.get("/session/continue", params={"to": to})).headers["location"] == "/"


async def test_fifteen_idle_minutes_end_the_session_of_a_shared_device_and_delete_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in()
    later(monkeypatch, IDLE - timedelta(minutes=1))
    assert (await browser.get("/session/renew")).status_code == 204
    later(monkeypatch, IDLE + timedelta(minutes=1))
    assert (await browser.get("/session/renew")).status_code == 401


async def test_the_own_device_stays_signed_in_over_such_a_pause(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in(own_device=True)
    later(monkeypatch, timedelta(hours=20))
    assert (await browser.get("/session/renew")).status_code == 204


async def test_signing_out_ends_the_session_and_has_the_browser_delete_everything(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in(own_device=True)
    session = browser.cookie(SESSION)
    ended = await browser.post("/session/end")
    assert ended.status_code == 303
    assert ended.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert (await browser.get(ended.headers["location"])).status_code == 200
    stolen = await browser.client.get("/session/renew", headers={"cookie": f"{SESSION}={session}"})
    assert stolen.status_code == 401
    assert await site.api.entries("sign-out") == [("permitted", "one-device", "patient")]
    assert await query(site.api.database, "select id from devices") == []


async def test_a_new_password_ends_the_sessions_of_all_browsers(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in(own_device=True)
    asked = await site.browser().post("/connexion/oubli", identifier=MAIL)
    challenge = dict(parse_qsl(urlsplit(asked.headers["location"]).query))
    code = await site.api.code("password-reset-code")
    changed = await site.browser().post("/connexion/nouveau", code=code, password=OTHER_PASSWORD, **challenge)
    assert changed.status_code == 200, changed.text
    assert (await browser.get("/session/renew")).status_code == 401


async def test_another_site_can_neither_sign_in_nor_out(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in()
    for path in ("/session/end", "/session/code", "/connexion", "/session/acting"):
        assert (await browser.post(path, site="cross-site")).status_code == 403, path
    assert (await browser.get("/session/renew")).status_code == 204


async def test_who_signs_in_where_another_person_was_is_told_that_the_other_session_ended(site: Site) -> None:
    await site.api.open_account()
    other = await site.api.open_account(2, "autre@patient.example")
    browser = site.browser()
    await browser.sign_in()
    first = browser.cookie(SESSION)
    answered = await browser.sign_in(identifier="autre@patient.example")
    assert answered.status_code == 200
    assert "Sa session est terminée" in answered.text
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(browser.cookie(ACCESS) or "")
    assert caller.record_id == other
    stolen = await browser.client.get("/session/renew", headers={"cookie": f"{SESSION}={first}"})
    assert stolen.status_code == 401


async def test_the_device_of_a_session_stands_in_the_list_of_devices(site: Site) -> None:
    await site.api.open_account()
    browser = site.browser()
    await browser.sign_in()
    headers = {"authorization": f"Bearer {browser.cookie(ACCESS)}", "user-agent": FIREFOX}
    (device,) = (await site.api.client.get("/devices", headers=headers)).json()
    assert (device["name"], device["current"]) == ("Firefox, Linux", True)
