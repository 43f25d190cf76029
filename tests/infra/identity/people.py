"""Representatives and carers over HTTP: invented adults and minors, and the events announced about them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import orjson

from shared.contracts.audit import AccessRecorded
from shared.contracts.base import sealed_place
from shared.contracts.identity import ContactChanged, PeopleChanged
from tests.infra.http.tokens import bearer, patient_token
from tests.infra.identity.accounts import RING, IdentityApi
from tests.infra.identity.identity_api import TEST_OID, administrator
from tests.infra.identity.openings import CARD, number_of

MINOR = "2016-05-17"
EVIDENCE = {"kind": "family-booklet", "reference": "Livret inventé 2019-114"}
DECISION = {"kind": "court-decision", "reference": "RG 26/00001"}


def traits(number: int, born: str) -> dict[str, Any]:
    """Returns a person's traits as in the register of `tests.infra.identity.openings`."""
    return {
        "birth_name": "D'INVENTÉE-EXEMPLE",
        "given_name": f"Zoé{'abcdefghij'[number % 10]}",
        "birth_date": born,
        "sex": "female",
        "birth_place": "63220",
    }


def ins(number: int, born: str = "1955-06-12") -> dict[str, str]:
    """Returns a person's INS in the form of a request."""
    return {"value": number_of(number, born), "oid": TEST_OID}


async def adult(api: IdentityApi, number: int, *, born: str = "1955-06-12", mail: str | None = "") -> UUID:
    """Opens the record of an adult (or of a minor without representatives) and returns its id."""
    to = f"adult.{number}@patient.example" if mail == "" else mail
    body = {"ins": ins(number, born), "traits": traits(number, born), "contact": {"mail": to, "language": "fr"}}
    opened = await api.client.post("/records", json=body, headers=administrator())
    assert opened.status_code in (201, 202), opened.text
    return UUID(opened.json()["record_id"])


def by(number: int, evidence: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Returns the body with a representative that an administrator states."""
    return {"representative": ins(number), "evidence": evidence or EVIDENCE, **more}


async def open_minor(
    api: IdentityApi,
    representative: int,
    number: int = 50,
    *,
    born: str = MINOR,
    evidence: dict[str, str] | None = None,
) -> httpx2.Response:
    """Opens a minor's record as an administrator."""
    body = {"ins": ins(number, born), "traits": traits(number, born), "by": by(representative, evidence)}
    return await api.client.post("/records/represented", json=body, headers=administrator())


async def open_own_minor(
    api: IdentityApi, own_id: UUID, number: int = 50, *, born: str = MINOR, **changes: Any
) -> httpx2.Response:
    """Opens a minor's record as the representative, with the card."""
    body = {"ins": ins(number, born), "traits": traits(number, born), "card_serial": CARD, **changes}
    return await api.client.post("/records/represented", json=body, headers=bearer(patient_token(own_id)))


async def add(api: IdentityApi, record_id: UUID, number: int, **more: Any) -> httpx2.Response:
    """Adds another representative as an administrator."""
    return await api.client.post(
        f"/records/{record_id}/representatives", json=by(number, **more), headers=administrator()
    )


async def acting(api: IdentityApi, own_id: UUID, record_id: UUID) -> dict[str, str]:
    """Returns the headers of a person who acts for another."""
    answer = await ask_to_act(api, own_id, record_id)
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def ask_to_act(api: IdentityApi, own_id: UUID, record_id: UUID) -> httpx2.Response:
    """Requests a token for acting for another person."""
    return await api.client.post(
        "/token/acting-for", json={"record_id": str(record_id)}, headers=bearer(patient_token(own_id))
    )


async def people(api: IdentityApi, record_id: UUID) -> list[PeopleChanged]:
    """Returns the announced states of a record's people, in order."""
    return [event for event in await api.events() if isinstance(event, PeopleChanged) and event.record_id == record_id]


@dataclass(frozen=True)
class Entry:
    """One entry of the ledger."""

    outcome: str
    reason: str
    kind: str
    actor: str
    subject: str | None


async def entries(api: IdentityApi, record_id: UUID, action: str) -> list[Entry]:
    """Returns the ledger entries of a record for this action."""
    return [
        Entry(event.outcome, event.reason, event.actor.kind, event.actor.id, event.subject_id)
        for event in await api.events()
        if isinstance(event, AccessRecorded) and event.record_id == record_id and event.action == action
    ]


async def contacts(api: IdentityApi, record_id: UUID) -> list[tuple[str | None, str]]:
    """Returns mail and relation of each contact announced for a record."""
    details = []
    for event in await api.events():
        if isinstance(event, ContactChanged) and event.record_id == record_id:
            contact = orjson.loads(RING.decrypt_jwe(event.sealed, sealed_place("contact", record_id)))
            details.append((contact["mail"], contact["relation"]))
    return details


async def recipients(api: IdentityApi, kind: str) -> list[str]:
    """The addresses to which a notice of that kind went."""
    return sorted(notice["to"]["mail"] for notice in await api.messages(kind))
