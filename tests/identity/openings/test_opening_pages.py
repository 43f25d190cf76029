"""The pages on which a person opens their record alone, or activates their account."""

from urllib.parse import parse_qsl, urlsplit

from tests.infra.identity.accounts import PASSWORD
from tests.infra.identity.browser import Site, hidden_fields
from tests.infra.identity.openings import CARD, decide, enter, insured, number_of

ACCOUNT = {"identifier": "elia@patient.example", "password": PASSWORD, "by": "mail"}


async def test_a_person_opens_their_record_in_three_steps(site: Site) -> None:
    await enter(site.api.pool, [insured(1)])
    browser = site.browser()
    person = {"number": number_of(1), "card": CARD, "mail": "zoe.inventee@patient.example"}
    asked = await browser.post("/ouvrir", **person)
    assert asked.status_code == 303, asked.text
    await decide(site.api)
    opening = dict(parse_qsl(urlsplit(asked.headers["location"]).query))
    assert (await browser.post("/ouvrir/contact", code="000000", **opening)).status_code == 403
    account = await browser.post("/ouvrir/contact", code=await site.api.code("opening-code"), **opening)
    assert account.status_code == 200
    fields = hidden_fields(account.text)
    unaccepted = await browser.post("/ouvrir/compte", **fields, **ACCOUNT)
    assert (unaccepted.status_code, 'id="terms-error"' in unaccepted.text) == (422, True)
    opened = await browser.post("/ouvrir/compte", terms="1", **fields, **ACCOUNT)
    assert "Votre dossier est ouvert" in opened.text
    signed_in = await browser.sign_in(identifier=ACCOUNT["identifier"])
    assert signed_in.headers["location"] == "/"
    assert "Votre dossier" in (await browser.get("/")).text


async def test_what_is_mistyped_is_said_beside_its_field(site: Site) -> None:
    browser = site.browser()
    wrong = await browser.post("/ouvrir", number="12", card="?", mail="x")
    assert wrong.status_code == 422
    assert 'id="card-error"' in wrong.text
    both = await browser.post("/ouvrir", number=number_of(1), card=CARD)
    assert (both.status_code, 'id="mail-error"' in both.text) == (422, True)
    activation = await browser.post("/ouvrir/code", number=number_of(1), code="7K2M", terms="1", **ACCOUNT)
    assert (activation.status_code, 'id="code-error"' in activation.text) == (422, True)


async def test_a_number_without_a_record_is_answered_as_a_wrong_code(site: Site) -> None:
    refused = await site.browser().post(
        "/ouvrir/code", number=number_of(7), code="0000-0000-0000", terms="1", **ACCOUNT
    )
    assert (refused.status_code, 'id="code-error"' in refused.text) == (403, True)
