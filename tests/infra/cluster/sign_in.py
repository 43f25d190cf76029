"""Three ways to sign in beyond one machine: activation code and second factor, provider, card."""

import random
import re
import secrets
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2

from deploy.local.demo import mailbox
from deploy.local.demo.client import Dmp, Session, send
from deploy.local.demo.openings import COLUMNS, ELSEWHERE, GENERAL_REGIME
from deploy.local.demo.people import InventedPerson, invent
from deploy.local.platform.importer import importer_of
from deploy.local.platform.paths import Layout
from deploy.manifests.variables import DOMAIN
from shared.values import ins_key
from tests.infra.cluster.cluster_edge import CARDS_PORT
from tests.infra.platform.waiting import eventually

_ACTIVATION_CODE: Final = re.compile(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b")
_SOURCE: Final = random.SystemRandom()


@dataclass(frozen=True)
class Holder:
    """A person with a record and an account, and the session that both factors opened."""

    person: InventedPerson
    record_id: str
    session: Session


async def by_provider(dmp: Dmp, professional_id: str) -> Session:
    """Returns the session of a professional who signs in at the provider, in a browser that keeps the cookie."""

    async def ask() -> tuple[str, int]:
        context = ssl.create_default_context()
        async with httpx2.AsyncClient(timeout=30, trust_env=False, verify=context) as browser:
            begun = await browser.get(f"{dmp.urls['identity']}/professionals/sign-in")
            chosen = await browser.get(f"{_location(begun)}&person={professional_id}")
            back = urlsplit(_location(chosen))
            finished = await browser.get(f"{dmp.urls['identity']}{back.path}", params=dict(parse_qsl(back.query)))
        return _token(finished)

    return await _signed_in(dmp, f"professional {professional_id} by provider", ask)


async def by_card(dmp: Dmp, card: Path) -> Session:
    """Returns the session of the professional whose card is shown to the edge. `card`: certificate and key, PEM."""

    async def ask() -> tuple[str, int]:
        context = ssl.create_default_context()
        context.load_cert_chain(card)
        async with httpx2.AsyncClient(timeout=30, trust_env=False, verify=context) as reader:
            return _token(await reader.post(f"https://cards.{DOMAIN}:{CARDS_PORT}/professionals/card", json={}))

    return await _signed_in(dmp, "professional by card", ask)


async def by_activation(dmp: Dmp, layout: Layout, pharmacist: Session) -> Holder:
    """Returns a holder whose record a pharmacist opened, and who activated the account and signed in with a code."""
    person, card = _insured(), str(_SOURCE.randrange(10**9, 10**10))
    await _import(layout, person, card)
    who = {"ins": {"value": person.ins, "oid": person.oid}}
    visit = {"card_serial": card, "consent_noted": True, "mail": person.mail}
    opened = (await pharmacist.call("POST", "identity", "/openings/assisted", json={**who, **visit})).json()
    terms = (await send(dmp.http, dmp.urls, "GET", "identity", "/terms")).json()["version"]
    account = {"identifier": person.mail, "password": secrets.token_urlsafe(18), "second_factor": "mail"}
    code = await _mailed(layout, person, lambda text: next(iter(_ACTIVATION_CODE.findall(text)), None))
    await _post(dmp, "/activations", {**who, "code": code, "terms_version": terms, **account})
    challenge = await _post(dmp, "/sign-in", {name: account[name] for name in ("identifier", "password")})
    code = await _mailed(layout, person, lambda text: next(iter(mailbox.codes_in(text)), None))
    tokens = await _post(dmp, f"/sign-in/{challenge['challenge_id']}/code", {"code": code})
    return Holder(person, opened["record_id"], await _kept(dmp, person.name, tokens))


async def _kept(dmp: Dmp, who: str, tokens: dict[str, Any]) -> Session:
    """Returns a session that goes on with its refresh token, of which each works once."""
    state = [tokens]

    async def ask() -> tuple[str, int]:
        if "access_token" not in state[0]:
            state[0] = await _post(dmp, "/token/refresh", {"refresh_token": state[0]["refresh_token"]})
        token, seconds = str(state[0].pop("access_token")), int(state[0]["expires_in"])
        return token, seconds

    return await _signed_in(dmp, who, ask)


async def _signed_in(dmp: Dmp, who: str, ask: Callable[[], Awaitable[tuple[str, int]]]) -> Session:
    session = Session(dmp.http, dmp.urls, who, ask)
    await session.token()
    return session


async def _mailed(layout: Layout, person: InventedPerson, find: Callable[[str], str | None]) -> str:
    async def read() -> str | None:
        mails = mailbox.caught_mails(layout.mail, person.mail)
        return next((code for mail in mails if (code := find(mail.text))), None)

    return await eventually(read, seconds=180)


async def _post(dmp: Dmp, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await send(dmp.http, dmp.urls, "POST", "identity", path, json=body)).json()
    return answer


async def _import(layout: Layout, person: InventedPerson, card: str) -> None:
    """Enters the person in the register of the insured, as the health insurance's file does."""
    who = (person.ins, person.oid, person.birth_name, person.given_name, person.birth_date.isoformat())
    what = ("2" if person.sex == "female" else "1", person.birth_place, "", "", "qualified", GENERAL_REGIME, ELSEWHERE)
    where = (card, person.mail, "", "fr", person.name.upper(), "1 RUE INVENTEE", "99999 NULLEPART")
    with tempfile.TemporaryDirectory(prefix="dmp-register-") as folder:
        file = Path(folder) / "register.csv"
        file.write_text("\n".join((COLUMNS, ";".join((*who, *what, *where)))) + "\n", encoding="utf-8")
        outcome = await importer_of(layout.folder).insured(file, lambda *_: None)
    assert outcome.progress.rejected == 0, "the line of the register was rejected"


def _insured() -> InventedPerson:
    """Returns an invented person, born in a place that belongs to no country."""
    person = invent()
    stem = f"{person.ins[:5]}99{_SOURCE.randrange(600, 900)}{_SOURCE.randrange(1, 999):03d}"
    return replace(person, ins=stem + ins_key(stem))


def _location(response: httpx2.Response) -> str:
    assert response.status_code == 303, f"{response.status_code} {response.text}"
    return str(response.headers["location"])


def _token(response: httpx2.Response) -> tuple[str, int]:
    assert response.status_code == 200, f"{response.status_code} {response.text}"
    body = response.json()
    return str(body["access_token"]), int(body["expires_in"])
