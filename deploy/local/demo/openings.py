"""Openings in the story: online by the person, at a pharmacy, and by a campaign for all who do not object."""

import asyncio
import random
import re
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.local.demo import mailbox
from deploy.local.demo.client import Session, send
from deploy.local.demo.credentials import ADMINISTRATOR, HOSPITAL, PHARMACIST, PROFESSIONALS, STRUCTURES, session_of
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.demo.polling import describe_access, poll
from deploy.local.demo.story import Story
from deploy.local.platform.importer import importer_of
from shared.values import ins_key

CROWD, OBJECTING = 1000, 3
REGION_OF_CAMPAIGN, ELSEWHERE, GENERAL_REGIME = "94", "11", "01"
WITH_A_MAIL = 10
"""One person in so many has a mail address; the others receive letters."""
COLUMNS = (
    "ins;ins_oid;birth_name;given_name;birth_date;sex;birth_place;used_family_name;used_given_name;identity_status;"
    "regime;region;card_serial;mail;mobile;language;address_1;address_2;address_3"
)
_RANDOM = random.SystemRandom()
_ACTIVATION_CODE = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")


async def open_alone(story: Story) -> None:
    """An adult of the insured register opens a record online, then signs in with a second factor."""
    story.deposited_at = None
    person, card = _another(set()), _card()
    await _import(story, [_line(person, card, ELSEWHERE, person.mail)])
    story.tell_event("health insurance", f"has {person.name} (invented) in the insured register")
    body = {"ins": {"value": person.ins, "oid": person.oid}, "card_serial": card, "mail": person.mail}
    opening = await _post(story, "/openings/online", body)
    story.tell_event(person.name, "asks for a record online, with the number of the card")
    code = await _code(story, person, 1)
    story.tell_event("mail", f"brings a code of six digits, valid {opening['valid_minutes']} minutes")
    place = f"/openings/online/{opening['opening_id']}"
    ticket = (await _post(story, f"{place}/code", {"code": code}))["ticket"]
    chosen = await _account(story, person)
    opened = await _post(story, f"{place}/complete", {"ticket": ticket, **chosen}, {"prefer": "wait=10"})
    story.expect(opened["status"] == "in-force", "the record is still on its way after 10 s")
    story.tell_event(person.name, "accepts the terms, chooses a password; the record is open and in force")
    await _sign_in(story, person, chosen["password"], opened["record_id"])


async def open_at_a_pharmacy(story: Story) -> None:
    """A pharmacist opens a record for a person who is present with the card; the activation code comes by mail."""
    person, card = _another(set()), _card()
    await _import(story, [_line(person, card, ELSEWHERE, person.mail)])
    story.tell_event("health insurance", f"has {person.name} (invented) in the insured register")
    pharmacist = session_of(story.dmp, story.credentials, PHARMACIST)
    who = {"ins": {"value": person.ins, "oid": person.oid}}
    visit = {"card_serial": card, "consent_noted": True, "mail": person.mail}
    opened = (await pharmacist.call("POST", "identity", "/openings/assisted", json={**who, **visit})).json()
    story.expect(opened["code_sent"] == "mail", "the activation code did not leave by mail")
    name = PROFESSIONALS[PHARMACIST].name
    story.tell_event(f"{name}, pharmacist", "notes the consent, reads the card, opens the record; sees no code")
    code = await _activation_code(story, person)
    story.tell_event("mail", f"brings {person.name} an activation code")
    chosen = await _account(story, person)
    await _post(story, "/activations", {**who, "code": code, **chosen})
    story.tell_event(person.name, "gives it, accepts the terms, chooses a password: the account is there")
    await _sign_in(story, person, chosen["password"], opened["record_id"])


async def _account(story: Story, person: InventedPerson) -> dict[str, str]:
    """Returns the body that makes an account: accepted terms, a password, and mail as the second factor."""
    terms = (await send(story.dmp.http, story.dmp.urls, "GET", "identity", "/terms")).json()["version"]
    chosen = {"identifier": person.mail, "password": secrets.token_urlsafe(18), "second_factor": "mail"}
    return {"terms_version": terms, **chosen}


async def _sign_in(story: Story, person: InventedPerson, password: str, record_id: str) -> None:
    """The person signs in with the password and the code that comes by mail, then lists the accesses."""
    sent = len(_codes(story, person))
    challenge = await _post(story, "/sign-in", {"identifier": person.mail, "password": password})
    story.tell_event(person.name, "signs in: the password, and a second code is on its way")
    code = await _code(story, person, sent + 1)
    session = await _post(story, f"/sign-in/{challenge['challenge_id']}/code", {"code": code})
    signed_in = _holding(story, person.name, session["access_token"])
    path = f"/records/{record_id}/accesses"

    async def listed() -> list[dict[str, Any]] | None:
        lines: list[dict[str, Any]] = (await signed_in.call("GET", "audit", path)).json()["accesses"]
        return lines if any(line["action"] == "open-record" for line in lines) else None

    story.tell_event(person.name, "gives the code, is signed in, and lists who did what:")
    for line in await poll(listed, every_s=0.3):
        if line["action"] != "list-accesses":
            story.tell(f"      {describe_access(line)}")


async def run_campaign(story: Story) -> None:
    """A campaign notifies a thousand insured persons; three object; the records of the others are opened."""
    crowd = _crowd()
    lines = [
        _line(person, _card(), REGION_OF_CAMPAIGN, person.mail if number % WITH_A_MAIL == 0 else "")
        for number, person in enumerate(crowd)
    ]
    await _import(story, lines)
    story.tell_event("health insurance", f"has {len(crowd)} more invented people in the insured register")
    administrator = session_of(story.dmp, story.credentials, ADMINISTRATOR)
    for person in crowd[:OBJECTING]:
        await administrator.call("PUT", "identity", "/opening-objections", json=_objection(person))
    story.tell_event("by telephone", f"{OBJECTING} of them object before they are written to")
    letters = mailbox.count_letters(story.layout)
    body = {"regions": [REGION_OF_CAMPAIGN], "regimes": [GENERAL_REGIME], "window_days": 0}
    campaign = (await administrator.call("POST", "identity", "/campaigns", json=body)).json()
    story.tell_event("administrator", "begins a campaign; by law there are six weeks to object, here none")
    done = await _follow(story, administrator, campaign["campaign_id"])
    counts = done["counts"]
    story.expect(counts["opened"] == CROWD - OBJECTING, f"{counts['opened']} records were opened")
    story.expect(counts["noticed"] == CROWD - OBJECTING, f"{counts['noticed']} people were written to")
    story.tell_event("campaign", f"{counts['noticed']} notices, {counts['opened']} records opened, none of the three")
    # Without time to object, notices expire before they are sent; the persons receive their codes only.
    by_mail = {person.mail for number, person in enumerate(crowd) if number % WITH_A_MAIL == 0 and number >= OBJECTING}
    await poll(lambda: _are_all_sent(story, by_mail, letters, CROWD - OBJECTING), every_s=0.2)
    mails = [mail.to for mail in mailbox.caught_mails(story.layout.mail) if mail.to in by_mail]
    written = mailbox.count_letters(story.layout) - letters
    story.expect(len(mails) == len({*mails}) == len(by_mail), f"{len(mails)} mails came for {len(by_mail)} people")
    story.expect(len(mails) + written == CROWD - OBJECTING, f"{written} letters came beside {len(mails)} mails")
    story.tell_event("activation codes", f"{len(mails)} by mail, {written} by letter: one each, nobody twice")
    hospital = story.organisation(HOSPITAL)
    await poll(lambda: _has_record(hospital, crowd[-1]))
    with_record = [person for person in crowd[:OBJECTING] if await _has_record(hospital, person)]
    story.expect(not with_record, f"{len(with_record)} of those who objected have a record")
    story.tell_event(
        STRUCTURES[HOSPITAL].name, "checks who has a record (TD0.2): the last of the crowd, none of the three"
    )


async def _has_record(software: Session, person: InventedPerson) -> bool | None:
    query = {"identifier": f"urn:oid:{person.oid}|{person.ins}"}
    answer = await software.call("POST", "records", "/fhir/Patient/_search", data=query)
    return True if answer.json()["total"] else None


async def _follow(story: Story, administrator: Session, campaign_id: str) -> dict[str, Any]:
    reported = ""
    while True:
        campaign: dict[str, Any] = (await administrator.call("GET", "identity", f"/campaigns/{campaign_id}")).json()
        counts = campaign["counts"]
        news = f"{campaign['status']}: {counts.get('noticed', 0)} written to, {counts.get('opened', 0)} opened"
        if news != reported:
            story.tell_event("   the campaign is", news)
            reported = news
        if campaign["status"] == "done":
            return campaign
        await asyncio.sleep(0.5)


async def _import(story: Story, lines: Sequence[str]) -> None:
    """Imports lines of the insured register with the code of `dmp import insured`."""
    with tempfile.TemporaryDirectory(prefix="dmp-register-") as folder:
        file = Path(folder) / "register.csv"
        file.write_text("\n".join((COLUMNS, *lines)) + "\n", encoding="utf-8")
        outcome = await importer_of(story.layout.folder).insured(file, lambda *_: None)
    story.expect(outcome.progress.rejected == 0, f"{outcome.progress.rejected} lines of the register were rejected")


def _crowd() -> list[InventedPerson]:
    taken: set[str] = set()
    return [_another(taken) for _ in range(CROWD)]


def _another(taken: set[str]) -> InventedPerson:
    """Returns a person with an unused INS; the birth places 99600 to 99899 belong to no country."""
    while True:
        person = invent()
        stem = f"{person.ins[:5]}99{_RANDOM.randrange(600, 900)}{person.ins[10:13]}"
        number = stem + ins_key(stem)
        if number not in taken:
            taken.add(number)
            return replace(person, ins=number)


def _card() -> str:
    return str(_RANDOM.randrange(10**9, 10**10))


def _line(person: InventedPerson, card: str, region: str, mail: str) -> str:
    who = (person.ins, person.oid, person.birth_name, person.given_name, person.birth_date.isoformat())
    what = ("2" if person.sex == "female" else "1", person.birth_place, "", "", "qualified", GENERAL_REGIME, region)
    return ";".join((*who, *what, card, mail, "", "fr", person.name.upper(), "1 RUE INVENTEE", "99999 NULLEPART"))


def _objection(person: InventedPerson) -> dict[str, Any]:
    opening = person.opening()
    return {"ins": opening["ins"], "traits": opening["traits"], "channel": "phone-agent"}


def _holding(story: Story, who: str, token: str) -> Session:
    async def ask() -> tuple[str, int]:
        return token, 240

    return Session(story.dmp.http, story.dmp.urls, who, ask)


async def _post(story: Story, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = await send(story.dmp.http, story.dmp.urls, "POST", "identity", path, json=body, headers=headers or {})
    reply: dict[str, Any] = answer.json()
    return reply


def _codes(story: Story, person: InventedPerson) -> list[str]:
    mails = mailbox.caught_mails(story.layout.mail, person.mail)
    return [code for mail in mails for code in mailbox.codes_in(mail.text)[:1]]


async def _code(story: Story, person: InventedPerson, number: int) -> str:
    async def read_code() -> str | None:
        codes = _codes(story, person)
        return codes[number - 1] if len(codes) >= number else None

    return await poll(read_code, every_s=0.05)


async def _activation_code(story: Story, person: InventedPerson) -> str:
    async def read_code() -> str | None:
        mails = mailbox.caught_mails(story.layout.mail, person.mail)
        return next((match[0] for mail in mails if (match := _ACTIVATION_CODE.search(mail.text))), None)

    return await poll(read_code, every_s=0.05)


async def _are_all_sent(story: Story, by_mail: set[str], letters: int, expected: int) -> bool | None:
    mails = sum(mail.to in by_mail for mail in mailbox.caught_mails(story.layout.mail))
    return True if mails + mailbox.count_letters(story.layout) - letters >= expected else None
