"""Invented insured people in the register, and openings over HTTP."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx2

from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.openings import OpeningRules
from services.identity.openings.usecases.send_opening_codes import send_opening_codes
from services.identity.people.domain.insured import ContactDetails, InsuredPerson, seal_insured
from services.identity.people.domain.new_person import Person
from services.identity.people.domain.persons import NO_USED_NAMES, IdentityStatus
from services.identity.people.store.insured import put_insured
from shared.db.pool import Pool, transaction
from shared.terminology.oids import INS_NIR_TEST
from shared.values import Ins, Sex, StrictTraits, ins_key
from tests.infra.http.tokens import bearer, make_token, professional_token
from tests.infra.identity.accounts import KEYRINGS, MAIL, PASSWORD, RULES, IdentityApi

CARD = "1234567890"
TERMS = "2026-11"
RULES_NOW = OpeningRules(0, 1_000_000, 100, "https://dmp.example/opposition", TERMS)
"""Rules without a delay for objections and without a limit of pace."""


def number_of(number: int, born: str = "1955-06-12") -> str:
    """Returns a number that no person has, with its key: department 99."""
    first = f"2{born[2:4]}{born[5:7]}99{number // 1000:03d}{number % 1000:03d}"
    return first + ins_key(first)


def mail_of(number: int = 1) -> str:
    """Returns the mail address of a person in the register."""
    return f"invente.{number}@patient.example"


def insured(number: int = 1, *, born: str = "1955-06-12", **changes: Any) -> InsuredPerson:
    """Returns a person of the register; `changes` may set `regime`, `region`, `status`, `card`, `mail`, `address`.

    `card_owner`: the person whose card it is, as a number of `number_of`.
    """
    ins = Ins(number_of(number, born), INS_NIR_TEST)
    traits = StrictTraits("D'INVENTÉE-EXEMPLE", f"Zoé{'abcdefghij'[number % 10]}", born, Sex.FEMALE, "63220")
    status = IdentityStatus(changes.get("status", "qualified"))
    person = Person(ins, traits, NO_USED_NAMES, status, changes.get("regime", "01"), changes.get("region", "84"))
    contact_details = ContactDetails(
        mail=changes.get("mail", mail_of(number)),
        mobile=changes.get("mobile"),
        address=changes.get("address", ("ZOE INVENTEE", "1 RUE INVENTEE", "99999 NULLEPART")),
    )
    owner = changes.get("card_owner")
    return InsuredPerson(
        person, contact_details, changes.get("card", CARD), Ins(owner, INS_NIR_TEST) if owner else None
    )


async def enter(pool: Pool, people: Iterable[InsuredPerson]) -> None:
    """Enters people in the register."""
    async with transaction(pool) as connection:
        await put_insured(connection, [seal_insured(KEYRINGS, person) for person in people])


def ins_body(number: int = 1, born: str = "1955-06-12") -> dict[str, str]:
    """Returns a person's INS in the form of a request."""
    return {"value": number_of(number, born), "oid": INS_NIR_TEST}


def asking(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns the body of an opening without help, with the mail address that the register knows."""
    born = changes.pop("born", "1955-06-12")
    return {"ins": ins_body(number, born), "card_serial": CARD, "mail": mail_of(number), **changes}


def assisting(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Returns the body of an opening with help."""
    born = changes.pop("born", "1955-06-12")
    return {"ins": ins_body(number, born), "card_serial": CARD, "consent_noted": True, **changes}


def choosing(**changes: Any) -> dict[str, Any]:
    """Returns the person's choices in an opening."""
    return {"terms_version": TERMS, "identifier": MAIL, "password": PASSWORD, "second_factor": "mail", **changes}


def pharmacist() -> dict[str, str]:
    """Returns the headers of a pharmacist."""
    return bearer(professional_token("899700000021", "G15_21"))


def campaigner() -> dict[str, str]:
    """Returns the headers of an administrator who may run campaigns."""
    return bearer(make_token("administrator", "admin-1", scope="campaigns.run records.assist records.open"))


async def decide(api: IdentityApi) -> int:
    """Runs the worker's step that decides openings without help."""
    return await send_opening_codes(Storage(api.pool, KEYRINGS), RULES.lookups, RULES_NOW)


async def ask_alone(api: IdentityApi, number: int = 1, **changes: Any) -> UUID:
    """Requests an opening without help, and lets the worker decide."""
    answer = await api.client.post("/openings/online", json=asking(number, **changes))
    assert answer.status_code == 202, answer.text
    await decide(api)
    return UUID(answer.json()["opening_id"])


async def give_code(api: IdentityApi, opening_id: UUID, code: str) -> httpx2.Response:
    """Posts the code of an opening without help."""
    return await api.client.post(f"/openings/online/{opening_id}/code", json={"code": code})


async def obtain_ticket(api: IdentityApi, number: int = 1) -> tuple[UUID, str]:
    """Requests an opening without help and posts its code. Returns the id and the ticket."""
    opening_id = await ask_alone(api, number)
    answer = await give_code(api, opening_id, await api.code("opening-code"))
    assert answer.status_code == 200, answer.text
    return opening_id, answer.json()["ticket"]


async def complete(api: IdentityApi, opening_id: UUID, ticket: str, **changes: Any) -> httpx2.Response:
    """Posts the last step of an opening without help."""
    return await api.client.post(
        f"/openings/online/{opening_id}/complete", json={"ticket": ticket, **choosing(**changes)}
    )
