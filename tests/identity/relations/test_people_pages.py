"""The pages of the people around a holder, for the holder, a representative and a carer."""

from uuid import UUID

from tests.infra.identity.browser import Browser, Site, hidden_fields
from tests.infra.identity.people import adult, open_minor


async def browser_of(site: Site, record_id: UUID) -> Browser:
    """Returns the browser of a signed-in holder."""
    browser = site.browser()
    assert (await browser.post("/session/demo", record=str(record_id))).status_code == 303
    return browser


async def test_the_holder_adds_and_removes_a_person_to_call(site: Site) -> None:
    record_id = await adult(site.api, 1)
    browser, page = await browser_of(site, record_id), f"/dossier/{record_id}/proches"
    person = {"name": "Élia Vaucresson", "role": "trusted", "relation": "sœur", "phone": "01 99 00 12 34"}
    wrong = await browser.post(f"{page}/appeler", **(person | {"phone": "12"}))
    assert (wrong.status_code, 'id="name-error"' in wrong.text) == (422, True)
    assert (await browser.post(f"{page}/appeler", **person)).status_code == 303
    shown = await browser.get(page)
    assert "Élia Vaucresson" in shown.text
    assert "+33199001234" in shown.text
    removed = hidden_fields(shown.text)["remove"]
    assert (await browser.post(f"{page}/appeler", remove=removed)).status_code == 303
    assert "Élia Vaucresson" not in (await browser.get(page)).text


async def test_the_holder_invites_a_carer_who_accepts_with_the_code_and_sees_no_choices(site: Site) -> None:
    holder, carer = await adult(site.api, 1), await adult(site.api, 2)
    browser, page = await browser_of(site, holder), f"/dossier/{holder}/proches"
    assert (await browser.post(f"{page}/inviter", mail="aide@patient.example")).status_code == 303
    assert "aide@patient.example" in (await browser.get(page)).text
    code = str((await site.api.messages("carer-invitation"))[-1]["values"]["code"])
    other = await browser_of(site, carer)
    wrong = await other.post("/compte/invitations", code="0000-0000-0000", answer="accepted")
    assert wrong.status_code == 404
    assert (await other.post("/compte/invitations", code=code, answer="accepted")).status_code == 303
    assert "Vous aidez cette personne" in (await other.get("/")).text
    assert (await other.post("/session/acting", to=page)).headers["location"] == page
    seen = await other.get(page)
    assert seen.status_code == 200
    assert "Qui appeler" in seen.text
    assert "Inviter quelqu" not in seen.text
    assert (await other.post(f"{page}/inviter", mail="autre@patient.example")).status_code == 403


async def test_home_has_a_line_for_each_child_and_leads_to_the_question_for_whom(site: Site) -> None:
    parent = await adult(site.api, 1)
    children = [(await open_minor(site.api, 1, number)).json()["record_id"] for number in (50, 51)]
    home = await (await browser_of(site, parent)).get("/")
    assert home.text.count("Votre enfant") == 2
    for child in children:
        assert f"/session/continue?to=/dossier/{child}/documents" in home.text


async def test_a_stranger_finds_no_page_of_another_record(site: Site) -> None:
    holder, stranger = await adult(site.api, 1), await adult(site.api, 2)
    browser = await browser_of(site, stranger)
    for page in ("proches", "fermer"):
        assert (await browser.get(f"/dossier/{holder}/{page}")).status_code == 404
