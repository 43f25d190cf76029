"""The pages of an account: contact, devices, password, application and codes on paper."""

import re
from urllib.parse import parse_qsl, urlsplit

import pyotp
import pytest

from services.identity.accounts.domain.paper_codes import COUNT, is_paper_code
from services.identity.kit.sealed_rows import seal_row
from services.identity.people.domain.contacts import Contact
from tests.infra.identity.accounts import MAIL, OTHER_PASSWORD, PASSWORD, RING
from tests.infra.identity.browser import Browser, Site, hidden_fields
from tests.infra.identity.identity_api import query

CODE = re.compile(r"<li><code>(\d{4}) (\d{4})</code></li>")


async def signed_in(site: Site) -> Browser:
    """Returns the browser of a holder who has an account."""
    await site.api.open_account()
    browser = site.browser()
    assert (await browser.sign_in()).status_code == 303
    return browser


async def printed(browser: Browser) -> list[str]:
    """Prints ten codes."""
    page = await browser.post("/compte/papier", password=PASSWORD)
    assert page.status_code == 200, page.text
    return ["".join(halves) for halves in CODE.findall(page.text)]


async def sign_in_with(site: Site, code: str) -> int:
    """Signs in from another browser with a code, and returns the status."""
    browser = site.browser()
    started = await browser.post("/connexion", identifier=MAIL, password=PASSWORD)
    challenge = dict(parse_qsl(urlsplit(started.headers["location"]).query))
    return (await browser.post("/session/code", code=code, **challenge)).status_code


async def test_ten_codes_on_paper_are_shown_once_and_each_signs_in_once(site: Site) -> None:
    browser = await signed_in(site)
    codes = await printed(browser)
    assert len({*codes}) == COUNT
    assert all(is_paper_code(code) for code in codes)
    stored = str(await query(site.api.database, "select code_hash from paper_codes"))
    assert not any(code in stored for code in codes)
    assert "10 codes sur papier" in (await browser.get("/compte")).text
    assert codes[0] not in (await browser.get("/compte/papier")).text
    first = f"{codes[3][:4]} {codes[3][4:]}"
    assert await sign_in_with(site, first) == 303
    assert await sign_in_with(site, first) == 403
    assert await sign_in_with(site, codes[4]) == 303
    assert "8 codes sur papier" in (await browser.get("/compte")).text
    assert ("permitted", "paper-codes-printed", "patient") in await site.api.entries("change-credentials")


async def test_a_new_sheet_replaces_the_old_one_and_needs_the_password(site: Site) -> None:
    browser = await signed_in(site)
    old = await printed(browser)
    refused = await browser.post("/compte/papier", password=OTHER_PASSWORD)
    assert (refused.status_code, 'id="password-error"' in refused.text) == (403, True)
    await printed(browser)
    assert await sign_in_with(site, old[0]) == 403


async def test_who_has_neither_mail_nor_mobile_signs_in_with_paper_alone(site: Site) -> None:
    browser = await signed_in(site)
    codes = await printed(browser)
    (contact,) = await query(site.api.database, "select record_id from contacts")
    sealed = seal_row(RING, Contact(None, "fr", "holder").as_json(), "contact", contact["record_id"])
    await query(site.api.database, "update contacts set key_id = $1, sealed = $2", sealed.key_id, sealed.data)
    started = await site.browser().post("/connexion", identifier=MAIL, password=PASSWORD)
    assert "by=paper" in started.headers["location"]
    assert "feuille de codes" in (await browser.get(started.headers["location"])).text
    challenge = dict(parse_qsl(urlsplit(started.headers["location"]).query))
    assert (await site.browser().post("/session/code", code=codes[0], **challenge)).status_code == 303


async def test_an_application_is_linked_by_a_picture_or_its_key(site: Site) -> None:
    browser = await signed_in(site)
    shown = await browser.post("/compte/application", password=PASSWORD)
    fields = hidden_fields(shown.text)
    assert 'src="data:image/svg+xml' in shown.text
    wrong = await browser.post("/compte/application/code", code="000000", **fields)
    assert (wrong.status_code, fields["secret"] in wrong.text) == (403, True)
    code = pyotp.TOTP(fields["secret"]).now()
    assert (await browser.post("/compte/application/code", code=code, **fields)).status_code == 303
    assert "Une application affiche le code" in (await browser.get("/compte")).text


async def test_a_contact_changes_once_both_codes_are_given(site: Site) -> None:
    browser = await signed_in(site)
    asked = await browser.post("/compte/contact", type="mail", mail="nouvelle@patient.example")
    challenge = dict(parse_qsl(urlsplit(asked.headers["location"]).query))
    old, new = await site.api.code("contact-change-code", -2), await site.api.code("contact-change-code", -1)
    refused = await browser.post("/compte/contact/codes", **{"old-code": new, "new-code": old}, **challenge)
    assert (refused.status_code, 'id="new-code-error"' in refused.text) == (403, True)
    changed = await browser.post("/compte/contact/codes", **{"old-code": old, "new-code": new}, **challenge)
    assert changed.status_code == 303
    assert "nouvelle@patient.example" in (await browser.get("/compte")).text


@pytest.mark.parametrize("device", ["its-own", "all"])
async def test_signing_a_device_out_ends_its_session_in_the_browser(site: Site, device: str) -> None:
    browser = await signed_in(site)
    shown = hidden_fields((await browser.get("/compte/appareils")).text)
    assert shown["device"] == "all"
    (row,) = await query(site.api.database, "select id from devices")
    chosen = str(row["id"]) if device == "its-own" else device
    assert (await browser.post("/compte/appareils", device=chosen)).status_code == 303
    assert (await browser.get("/session/renew")).status_code == 401


async def test_a_new_password_keeps_this_session_and_says_what_is_wrong_with_a_weak_one(site: Site) -> None:
    browser = await signed_in(site)
    weak = await browser.post("/compte/mot-de-passe", password=PASSWORD, **{"new-password": PASSWORD[:5]})
    assert (weak.status_code, 'id="new-password-error"' in weak.text) == (422, True)
    changed = await browser.post("/compte/mot-de-passe", password=PASSWORD, **{"new-password": OTHER_PASSWORD})
    assert changed.status_code == 303
    assert (await browser.get("/session/renew")).status_code == 204
