"""The page that closes and reopens a record, and says first what that means."""

from tests.infra.identity.accounts import OTHER_PASSWORD, PASSWORD
from tests.infra.identity.browser import Site


async def test_a_record_is_closed_with_the_password_and_reopened_by_a_button(site: Site) -> None:
    record_id = await site.api.open_account()
    browser, page = site.browser(), f"/dossier/{record_id}/fermer"
    await browser.sign_in()
    first = await browser.get(page)
    assert "Plus rien n’y est déposé" in first.text
    refused = await browser.post(page, password=OTHER_PASSWORD)
    assert (refused.status_code, 'id="password-error"' in refused.text) == (403, True)
    closed = await browser.post(page, password=PASSWORD)
    assert closed.headers["location"] == f"{page}?fait=1"
    assert "Le dossier est fermé." in (await browser.get(f"{page}?fait=1")).text
    assert "Fermé" in (await browser.get("/")).text
    assert (await browser.post(page, act="reopen")).status_code == 303
    assert "Le dossier est ouvert." in (await browser.get(f"{page}?fait=1")).text
