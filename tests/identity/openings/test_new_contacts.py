"""A contact that somebody states for a person whom the insurance reaches: the one on file is told, and may object."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.openings.domain.proposals import MAX_PENDING, POSTAL_DELAY
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.runtime import clock
from tests.infra.accounts import KEYRINGS, MAIL, RING, RULES, IdentityApi, at_home
from tests.infra.databases import Database
from tests.infra.identity_api import administrator, query, settings_of
from tests.infra.openings import (
    CARD,
    RULES_NOW,
    ask_alone,
    assisting,
    campaigner,
    choosing,
    complete,
    enter,
    give_code,
    ins_body,
    insured,
    mail_of,
    pharmacist,
)

STRANGER = "somebody.else@elsewhere.example"
WAIT = timedelta(hours=48, minutes=1)
PHONE = "+33699990001"


@pytest_asyncio.fixture
async def house(database: Database) -> AsyncIterator[IdentityApi]:
    settings = settings_of(database, accounts={"refusal_s": 0}, openings={"window_days": 0})
    others = [insured(2, mail=None, region="11"), insured(3, mail=None, mobile=PHONE, address=(), region="11")]
    async with at_home(database, settings=settings) as house:
        await enter(house.pool, [insured(), *others])
        yield house


async def assist(house: IdentityApi, number: int = 1, **more: Any) -> httpx2.Response:
    return await house.client.post("/openings/assisted", json=assisting(number, **more), headers=pharmacist())


async def activate(house: IdentityApi, code: str, number: int = 1, **more: Any) -> httpx2.Response:
    return await house.client.post("/activations", json={"ins": ins_body(number), "code": code, **choosing(**more)})


async def object_to(house: IdentityApi, code: str, number: int = 1) -> httpx2.Response:
    return await house.client.post("/contact-objections", json={"ins": ins_body(number), "code": code})


async def sent_to(house: IdentityApi, kind: str) -> list[object]:
    """Where messages of a kind went."""
    return [next(iter(message["to"].values())) for message in await house.messages(kind)]


async def on_file(house: IdentityApi) -> object:
    """The mail of the record's contact, as the others were told last."""
    changes = [event for event in await house.events() if isinstance(event, ContactChanged)]
    return RING.decrypt_jwe(changes[-1].sealed, sealed_place("contact", changes[-1].record_id))


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: moment)


async def by_campaign(house: IdentityApi) -> None:
    """The record of the first of the register opens without them."""
    begun = await house.client.post("/campaigns", json={"regions": ["84"]}, headers=campaigner())
    campaign_id = begun.json()["campaign_id"]
    while await send_notices(house.pool, KEYRINGS, RULES_NOW, campaign_id):
        pass
    while await open_noticed(house.pool, KEYRINGS, RULES.lookups, RULES_NOW, campaign_id):
        pass


@pytest.mark.parametrize("way", ["new", "opened before"])
async def test_a_code_goes_to_the_contact_on_file_and_not_to_the_one_that_is_stated(
    house: IdentityApi, way: str
) -> None:
    if way == "opened before":
        await by_campaign(house)
    answer = await assist(house, mail=STRANGER)
    assert answer.status_code == (201 if way == "new" else 200), answer.text
    assert answer.json()["code_sent"] == "mail"
    assert answer.json()["contact_from"] > clock.now().isoformat()
    assert STRANGER not in await sent_to(house, "activation-code")
    assert (await sent_to(house, "activation-code"))[-1] == mail_of()
    assert await sent_to(house, "contact-proposed") == [mail_of()]
    assert await sent_to(house, "contact-pending") == [STRANGER]
    assert STRANGER.encode() not in await on_file(house)  # type: ignore[operator]


async def test_a_card_that_the_register_does_not_know_proves_nothing(house: IdentityApi) -> None:
    await enter(house.pool, [insured(card=None)])
    await by_campaign(house)
    event_count = len(await house.events())
    answer = await assist(house, card_serial="ABCDEF", mail=STRANGER)
    assert (answer.status_code, answer.json()["code"]) == (404, "insured-unknown")
    assert (await assist(house, card_serial=CARD)).status_code == 404
    assert len(await house.events()) == event_count


async def test_a_stated_contact_counts_after_the_wait_and_the_old_one_is_told(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await by_campaign(house)
    first = await assist(house, mail=MAIL)
    again = await assist(house, mail=MAIL)
    assert again.json() == {**first.json()}
    assert len(await house.messages("contact-proposed")) == 1, "it is told once"
    later(monkeypatch, WAIT)
    counted = await assist(house, mail=MAIL.upper())
    assert counted.json()["contact_from"] is None
    assert (await sent_to(house, "activation-code"))[-1] == MAIL.upper()
    assert await sent_to(house, "contact-changed") == [mail_of()]
    assert (await activate(house, await house.code("activation-code"))).status_code == 201


async def test_who_is_on_file_objects_and_the_stated_contact_never_counts(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assist(house, mail=STRANGER)
    code = await house.code("contact-proposed")
    assert (await object_to(house, code)).status_code == 204
    assert (await object_to(house, code)).status_code == 204, "said again it changes nothing"
    assert ("refused", "contact-objected", "unknown") in await house.entries("change-contact")
    later(monkeypatch, WAIT)
    await assist(house, mail=STRANGER)
    assert STRANGER not in await sent_to(house, "activation-code")
    assert len(await house.messages("contact-proposed")) == 1
    assert (await activate(house, await house.code("activation-code"))).status_code == 201


async def test_an_objection_in_time_leaves_the_own_code_as_it_was(house: IdentityApi) -> None:
    await assist(house, mail=STRANGER)
    assert (await object_to(house, await house.code("contact-proposed"))).status_code == 204
    assert (await activate(house, await house.code("activation-code"))).status_code == 201


async def test_an_objection_that_comes_late_ends_the_codes_that_are_out(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assist(house, mail=STRANGER)
    objection = await house.code("contact-proposed")
    later(monkeypatch, WAIT)
    await assist(house, mail=STRANGER)
    assert (await sent_to(house, "activation-code"))[-1] == STRANGER
    assert (await object_to(house, objection)).status_code == 204
    assert (await activate(house, await house.code("activation-code"))).json()["code"] == "activation-code-wrong"
    await assist(house, mail=STRANGER)
    assert (await sent_to(house, "activation-code"))[-1] == mail_of()


async def test_an_objection_needs_the_code_of_that_person(house: IdentityApi) -> None:
    await assist(house, mail=STRANGER)
    code = await house.code("contact-proposed")
    for number in (2, 77):
        answer = await object_to(house, code, number)
        assert (answer.status_code, answer.json()["code"]) == (403, "objection-code-wrong")
    activation = await house.code("activation-code")
    assert (await object_to(house, activation)).json()["code"] == "objection-code-wrong"
    assert (await activate(house, code)).json()["code"] == "activation-code-wrong", "it opens no account either"


async def test_a_letter_that_is_on_its_way_makes_the_wait_longer(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await assist(house, 2, mail=STRANGER)).json()["code_sent"] == "letter"
    channels = [event.channel for event in await house.events() if isinstance(event, MessageRequested)]
    assert sorted(channels) == ["letter", "letter", "mail"], "code and warning by letter, a word to the new contact"
    later(monkeypatch, WAIT)
    assert (await assist(house, 2, mail=STRANGER)).json()["code_sent"] == "letter"
    later(monkeypatch, POSTAL_DELAY)
    assert (await assist(house, 2, mail=STRANGER)).json()["code_sent"] == "mail"


async def test_who_is_reached_by_mobile_alone_gets_the_code_there(house: IdentityApi) -> None:
    assert (await assist(house, 3, mail=STRANGER)).json()["code_sent"] == "sms"
    assert await sent_to(house, "activation-code") == await sent_to(house, "contact-proposed") == [PHONE]


async def test_a_mobile_beside_the_mail_on_file_waits_too(house: IdentityApi) -> None:
    assert (await assist(house, mobile=PHONE)).json()["contact_from"] is not None
    assert PHONE.encode() not in await on_file(house)  # type: ignore[operator]


async def test_only_so_many_contacts_wait_at_once(house: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MAX_PENDING):
        assert (await ask_alone(house, mail=f"stranger.{number}@elsewhere.example")) is not None
        later(monkeypatch, timedelta(hours=2, minutes=number + 1))
    await ask_alone(house, mail=STRANGER)
    assert len(await house.messages("contact-proposed")) == MAX_PENDING
    assert STRANGER not in await sent_to(house, "contact-pending")


async def test_who_opens_alone_with_another_contact_gets_no_code_but_the_one_on_file_does(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening_id = await ask_alone(house, mail=STRANGER)
    assert await sent_to(house, "opening-code") == [mail_of()]
    assert await sent_to(house, "contact-proposed") == [mail_of()]
    assert await sent_to(house, "contact-pending") == [STRANGER]
    await ask_alone(house, mail=STRANGER)
    assert len(await house.messages("opening-code")) == 1, "asked again nobody is written to"
    ticket = (await give_code(house, opening_id, await house.code("opening-code"))).json()["ticket"]
    assert (await complete(house, opening_id, ticket)).status_code == 202
    assert mail_of().encode() in await on_file(house)  # type: ignore[operator]
    await house.sign_in(identifier=MAIL)
    assert await sent_to(house, "sign-in-code") == [mail_of()]


async def test_who_opens_alone_with_another_contact_gets_the_code_after_the_wait(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_alone(house, mail=MAIL)
    later(monkeypatch, WAIT)
    opening_id = await ask_alone(house, mail=MAIL)
    assert await sent_to(house, "opening-code") == [mail_of(), MAIL]
    ticket = (await give_code(house, opening_id, await house.code("opening-code"))).json()["ticket"]
    assert (await complete(house, opening_id, ticket)).status_code == 202
    assert await sent_to(house, "record-opened") == [MAIL]


@pytest.mark.parametrize("objects", [False, True])
async def test_who_can_only_be_written_letters_opens_alone_when_nobody_has_objected(
    house: IdentityApi, monkeypatch: pytest.MonkeyPatch, objects: bool
) -> None:
    await ask_alone(house, 2, mail=MAIL)
    assert await house.messages("opening-code") == []
    if objects:
        assert (await object_to(house, await house.code("contact-proposed"), 2)).status_code == 204
    later(monkeypatch, WAIT + POSTAL_DELAY)
    await ask_alone(house, 2, mail=MAIL)
    assert await sent_to(house, "opening-code") == ([] if objects else [MAIL])


async def test_what_a_hospital_states_stands_behind_what_the_register_says(house: IdentityApi) -> None:
    traits = {"birth_name": "D'INVENTÉE-EXEMPLE", "given_name": "Zoéb", "birth_date": "1955-06-12", "sex": "female"}
    contact = {"mail": STRANGER, "language": "fr", "relation": "holder"}
    body = {"ins": ins_body(), "traits": traits, "contact": contact}
    assert (await house.client.post("/records", json=body, headers=administrator())).status_code == 202
    assert mail_of().encode() in await on_file(house)  # type: ignore[operator]
    await assist(house)
    assert await sent_to(house, "activation-code") == [mail_of()]


async def test_a_contact_given_with_the_code_counts_at_once_and_the_old_one_is_told(house: IdentityApi) -> None:
    await assist(house)
    assert (await activate(house, await house.code("activation-code"), mail=MAIL)).status_code == 201
    assert MAIL.encode() in await on_file(house)  # type: ignore[operator]
    assert await sent_to(house, "contact-changed") == [mail_of()]


async def test_nothing_readable_of_a_stated_contact_is_kept(house: IdentityApi) -> None:
    await assist(house, mail=STRANGER)
    stored = "".join(str(tuple(row)) for row in await query(house.database, "select * from contact_proposals"))
    secrets: Sequence[str] = (STRANGER, ins_body()["value"], await house.code("contact-proposed"))
    assert stored
    assert not any(secret in stored for secret in secrets)
