"""A contact that somebody states for a person whom the insurance reaches: the one on file is told, and may object."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.proposals import MAX_PENDING, POSTAL_DELAY
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.runtime import clock
from tests.infra.identity.accounts import KEYRINGS, MAIL, RING, RULES, IdentityApi, run_identity_api
from tests.infra.identity.identity_api import administrator, query, settings_of
from tests.infra.identity.openings import (
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
from tests.infra.platform.databases import Database

STRANGER = "somebody.else@elsewhere.example"
WAIT = timedelta(hours=48, minutes=1)
PHONE = "+33699990001"


@pytest_asyncio.fixture
async def api(database: Database) -> AsyncIterator[IdentityApi]:
    settings = settings_of(database, accounts={"refusal_s": 0}, openings={"window_days": 0})
    others = [insured(2, mail=None, region="11"), insured(3, mail=None, mobile=PHONE, address=(), region="11")]
    async with run_identity_api(database, settings=settings) as api:
        await enter(api.pool, [insured(), *others])
        yield api


async def assist(api: IdentityApi, number: int = 1, **more: Any) -> httpx2.Response:
    return await api.client.post("/openings/assisted", json=assisting(number, **more), headers=pharmacist())


async def activate(api: IdentityApi, code: str, number: int = 1, **more: Any) -> httpx2.Response:
    return await api.client.post("/activations", json={"ins": ins_body(number), "code": code, **choosing(**more)})


async def object_to(api: IdentityApi, code: str, number: int = 1) -> httpx2.Response:
    return await api.client.post("/contact-objections", json={"ins": ins_body(number), "code": code})


async def sent_to(api: IdentityApi, kind: str) -> list[object]:
    """Where messages of a kind went."""
    return [next(iter(message["to"].values())) for message in await api.messages(kind)]


async def on_file(api: IdentityApi) -> object:
    """The mail of the record's contact, as the others were told last."""
    changes = [event for event in await api.events() if isinstance(event, ContactChanged)]
    return RING.decrypt_jwe(changes[-1].sealed, sealed_place("contact", changes[-1].record_id))


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    moment = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: moment)


async def by_campaign(api: IdentityApi) -> None:
    """The record of the first of the register opens without them."""
    begun = await api.client.post("/campaigns", json={"regions": ["84"]}, headers=campaigner())
    campaign_id = begun.json()["campaign_id"]
    while await send_notices(Storage(api.pool, KEYRINGS), RULES_NOW, campaign_id):
        pass
    while await open_noticed(Storage(api.pool, KEYRINGS), RULES.lookups, RULES_NOW, campaign_id):
        pass


@pytest.mark.parametrize("way", ["new", "opened before"])
async def test_a_code_goes_to_the_contact_on_file_and_not_to_the_one_that_is_stated(api: IdentityApi, way: str) -> None:
    if way == "opened before":
        await by_campaign(api)
    answer = await assist(api, mail=STRANGER)
    assert answer.status_code == (201 if way == "new" else 200), answer.text
    assert answer.json()["code_sent"] == "mail"
    assert answer.json()["contact_from"] > clock.now().isoformat()
    assert STRANGER not in await sent_to(api, "activation-code")
    assert (await sent_to(api, "activation-code"))[-1] == mail_of()
    assert await sent_to(api, "contact-proposed") == [mail_of()]
    assert await sent_to(api, "contact-pending") == [STRANGER]
    assert STRANGER.encode() not in await on_file(api)  # type: ignore[operator]


async def test_a_card_that_the_register_does_not_know_proves_nothing(api: IdentityApi) -> None:
    await enter(api.pool, [insured(card=None)])
    await by_campaign(api)
    event_count = len(await api.events())
    answer = await assist(api, card_serial="ABCDEF", mail=STRANGER)
    assert (answer.status_code, answer.json()["code"]) == (404, "insured-unknown")
    assert (await assist(api, card_serial=CARD)).status_code == 404
    assert len(await api.events()) == event_count


async def test_a_stated_contact_counts_after_the_wait_and_the_old_one_is_told(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await by_campaign(api)
    first = await assist(api, mail=MAIL)
    again = await assist(api, mail=MAIL)
    assert again.json() == {**first.json()}
    assert len(await api.messages("contact-proposed")) == 1, "it is told once"
    later(monkeypatch, WAIT)
    counted = await assist(api, mail=MAIL.upper())
    assert counted.json()["contact_from"] is None
    assert (await sent_to(api, "activation-code"))[-1] == MAIL.upper().replace("PATIENT.EXAMPLE", "patient.example")
    assert await sent_to(api, "contact-changed") == [mail_of()]
    assert (await activate(api, await api.code("activation-code"))).status_code == 201


async def test_who_is_on_file_objects_and_the_stated_contact_never_counts(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assist(api, mail=STRANGER)
    code = await api.code("contact-proposed")
    assert (await object_to(api, code)).status_code == 204
    assert (await object_to(api, code)).status_code == 204, "said again it changes nothing"
    assert ("refused", "contact-objected", "unknown") in await api.entries("change-contact")
    later(monkeypatch, WAIT)
    await assist(api, mail=STRANGER)
    assert STRANGER not in await sent_to(api, "activation-code")
    assert len(await api.messages("contact-proposed")) == 1
    assert (await activate(api, await api.code("activation-code"))).status_code == 201


async def test_an_objection_in_time_leaves_the_own_code_as_it_was(api: IdentityApi) -> None:
    await assist(api, mail=STRANGER)
    assert (await object_to(api, await api.code("contact-proposed"))).status_code == 204
    assert (await activate(api, await api.code("activation-code"))).status_code == 201


async def test_an_objection_that_comes_late_ends_the_codes_that_are_out(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await assist(api, mail=STRANGER)
    objection = await api.code("contact-proposed")
    later(monkeypatch, WAIT)
    await assist(api, mail=STRANGER)
    assert (await sent_to(api, "activation-code"))[-1] == STRANGER
    assert (await object_to(api, objection)).status_code == 204
    assert (await activate(api, await api.code("activation-code"))).json()["code"] == "activation-code-wrong"
    await assist(api, mail=STRANGER)
    assert (await sent_to(api, "activation-code"))[-1] == mail_of()


async def test_an_objection_needs_the_code_of_that_person(api: IdentityApi) -> None:
    await assist(api, mail=STRANGER)
    code = await api.code("contact-proposed")
    for number in (2, 77):
        answer = await object_to(api, code, number)
        assert (answer.status_code, answer.json()["code"]) == (403, "objection-code-wrong")
    activation = await api.code("activation-code")
    assert (await object_to(api, activation)).json()["code"] == "objection-code-wrong"
    assert (await activate(api, code)).json()["code"] == "activation-code-wrong", "it opens no account either"


async def test_a_letter_that_is_on_its_way_makes_the_wait_longer(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await assist(api, 2, mail=STRANGER)).json()["code_sent"] == "letter"
    channels = [event.channel for event in await api.events() if isinstance(event, MessageRequested)]
    assert sorted(channels) == ["letter", "letter", "mail"], "code and warning by letter, a word to the new contact"
    later(monkeypatch, WAIT)
    assert (await assist(api, 2, mail=STRANGER)).json()["code_sent"] == "letter"
    later(monkeypatch, POSTAL_DELAY)
    assert (await assist(api, 2, mail=STRANGER)).json()["code_sent"] == "mail"


async def test_who_is_reached_by_mobile_alone_gets_the_code_there(api: IdentityApi) -> None:
    assert (await assist(api, 3, mail=STRANGER)).json()["code_sent"] == "sms"
    assert await sent_to(api, "activation-code") == await sent_to(api, "contact-proposed") == [PHONE]


async def test_a_mobile_beside_the_mail_on_file_waits_too(api: IdentityApi) -> None:
    assert (await assist(api, mobile=PHONE)).json()["contact_from"] is not None
    assert PHONE.encode() not in await on_file(api)  # type: ignore[operator]


async def test_only_so_many_contacts_wait_at_once(api: IdentityApi, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MAX_PENDING):
        assert (await ask_alone(api, mail=f"stranger.{number}@elsewhere.example")) is not None
        later(monkeypatch, timedelta(hours=2, minutes=number + 1))
    await ask_alone(api, mail=STRANGER)
    assert len(await api.messages("contact-proposed")) == MAX_PENDING
    assert STRANGER not in await sent_to(api, "contact-pending")


async def test_who_opens_alone_with_another_contact_gets_no_code_but_the_one_on_file_does(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening_id = await ask_alone(api, mail=STRANGER)
    assert await sent_to(api, "opening-code") == [mail_of()]
    assert await sent_to(api, "contact-proposed") == [mail_of()]
    assert await sent_to(api, "contact-pending") == [STRANGER]
    await ask_alone(api, mail=STRANGER)
    assert len(await api.messages("opening-code")) == 1, "asked again nobody is written to"
    ticket = (await give_code(api, opening_id, await api.code("opening-code"))).json()["ticket"]
    assert (await complete(api, opening_id, ticket)).status_code == 202
    assert mail_of().encode() in await on_file(api)  # type: ignore[operator]
    await api.sign_in(identifier=MAIL)
    assert await sent_to(api, "sign-in-code") == [mail_of()]


async def test_who_opens_alone_with_another_contact_gets_the_code_after_the_wait(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask_alone(api, mail=MAIL)
    later(monkeypatch, WAIT)
    opening_id = await ask_alone(api, mail=MAIL)
    assert await sent_to(api, "opening-code") == [mail_of(), MAIL]
    ticket = (await give_code(api, opening_id, await api.code("opening-code"))).json()["ticket"]
    assert (await complete(api, opening_id, ticket)).status_code == 202
    assert await sent_to(api, "record-opened") == [MAIL]


@pytest.mark.parametrize("objects", [False, True])
async def test_who_can_only_be_written_letters_opens_alone_when_nobody_has_objected(
    api: IdentityApi, monkeypatch: pytest.MonkeyPatch, objects: bool
) -> None:
    await ask_alone(api, 2, mail=MAIL)
    assert await api.messages("opening-code") == []
    if objects:
        assert (await object_to(api, await api.code("contact-proposed"), 2)).status_code == 204
    later(monkeypatch, WAIT + POSTAL_DELAY)
    await ask_alone(api, 2, mail=MAIL)
    assert await sent_to(api, "opening-code") == ([] if objects else [MAIL])


async def test_what_a_hospital_states_stands_behind_what_the_register_says(api: IdentityApi) -> None:
    traits = {"birth_name": "D'INVENTÉE-EXEMPLE", "given_name": "Zoéb", "birth_date": "1955-06-12", "sex": "female"}
    contact = {"mail": STRANGER, "language": "fr", "relation": "holder"}
    body = {"ins": ins_body(), "traits": traits, "contact": contact}
    assert (await api.client.post("/records", json=body, headers=administrator())).status_code == 202
    assert mail_of().encode() in await on_file(api)  # type: ignore[operator]
    await assist(api)
    assert await sent_to(api, "activation-code") == [mail_of()]


async def test_a_contact_given_with_the_code_counts_at_once_and_the_old_one_is_told(api: IdentityApi) -> None:
    await assist(api)
    assert (await activate(api, await api.code("activation-code"), mail=MAIL)).status_code == 201
    assert MAIL.encode() in await on_file(api)  # type: ignore[operator]
    assert await sent_to(api, "contact-changed") == [mail_of()]


async def test_nothing_readable_of_a_stated_contact_is_kept(api: IdentityApi) -> None:
    await assist(api, mail=STRANGER)
    stored = "".join(str(tuple(row)) for row in await query(api.database, "select * from contact_proposals"))
    secrets: Sequence[str] = (STRANGER, ins_body()["value"], await api.code("contact-proposed"))
    assert stored
    assert not any(secret in stored for secret in secrets)
