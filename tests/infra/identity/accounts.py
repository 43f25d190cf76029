"""Accounts of fictitious people over HTTP. Codes are read from the messages that notify would send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
import orjson

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.accounts import SecondFactor, lookup_keys
from services.identity.accounts.domain.passwords import Argon2Hasher
from services.identity.accounts.steps.create_account import AccountChoices, create_account
from services.identity.accounts.steps.hash_password import hash_password
from services.identity.app import make_api
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import Contact
from services.identity.people.store import records
from services.identity.settings import Settings
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event, sealed_place
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool, transaction
from tests.infra.http.routes import known_routes
from tests.infra.http.tokens import bearer
from tests.infra.identity.identity_api import CHEAP, KEYRING, announced, open_one, settings_of
from tests.infra.platform.databases import Database

PASSWORD = "trois vaches sur un toit bleu"
OTHER_PASSWORD = "une lampe verte mange du sable"
MAIL = "zoe.inventee@patient.example"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
RING = Keyring.parse(KEYRING)
KEYRINGS = Keyrings(ins=RING, contacts=RING, people_to_call=RING, persons=RING)
RULES = AccountRules(lookup_keys(RING), Argon2Hasher(CHEAP["password_memory_kib"], CHEAP["password_passes"]))


@dataclass(frozen=True)
class IdentityApi:
    """A client of identity's running API, its database, and a connection pool."""

    client: httpx2.AsyncClient
    database: Database
    pool: Pool

    async def open_account(
        self, number: int = 1, identifier: str = MAIL, second_factor: SecondFactor = "mail", mobile: str | None = None
    ) -> UUID:
        """Opens a record, creates the account of its holder, and returns the record id."""
        record_id = await open_one(self.client, number)
        with RULES.hashes.place() as place:
            hashed = await hash_password(RULES, place, PASSWORD, ())
        contact = Contact(MAIL, "fr", "holder", mobile)
        async with transaction(self.pool) as connection:
            assert await records.load_record(connection, record_id) is not None
            choices = AccountChoices(identifier, hashed, second_factor, "2026-11")
            await create_account(UnitOfWork(connection, KEYRINGS), RULES, record_id, contact, choices)
        return record_id

    async def start(self, identifier: str = MAIL, password: str = PASSWORD, **more: Any) -> httpx2.Response:
        """Posts identifier and password, the first step of a sign-in."""
        return await self.client.post("/sign-in", json={"identifier": identifier, "password": password, **more})

    async def answer(self, challenge_id: str, code: str) -> httpx2.Response:
        """Posts the code, the second step of a sign-in."""
        return await self.client.post(
            f"/sign-in/{challenge_id}/code", json={"code": code}, headers={"user-agent": FIREFOX}
        )

    async def sign_in(self, **more: Any) -> dict[str, Any]:
        """Signs in with the code that was sent and returns the tokens."""
        started = await self.start(**more)
        assert started.status_code == 200, started.text
        answered = await self.answer(started.json()["challenge_id"], await self.code())
        assert answered.status_code == 200, answered.text
        tokens: dict[str, Any] = answered.json()
        return tokens

    async def events(self) -> list[Event]:
        """Returns all announced events."""
        return await announced(self.database)

    async def messages(self, kind: str) -> list[dict[str, Any]]:
        """Returns the requested messages of that kind, decrypted."""
        requests = [
            event for event in await self.events() if isinstance(event, MessageRequested) and event.kind == kind
        ]
        return [
            orjson.loads(RING.decrypt_jwe(request.sealed, sealed_place("request", request.request_id)))
            for request in requests
        ]

    async def code(self, kind: str = "sign-in-code", place: int = -1) -> str:
        """Returns the code that was sent last, or the one at `place`."""
        return str((await self.messages(kind))[place]["values"]["code"])

    async def entries(self, action: str) -> list[tuple[str, str, str]]:
        """Returns outcome, reason and kind of actor of the ledger entries of that action."""
        entries = [
            event for event in await self.events() if isinstance(event, AccessRecorded) and event.action == action
        ]
        return [(entry.outcome, entry.reason, entry.actor.kind) for entry in entries]


@asynccontextmanager
async def run_identity_api(
    database: Database, *, peer: str = "127.0.0.1", settings: Settings | None = None
) -> AsyncIterator[IdentityApi]:
    """Yields identity's API with its database; refusals are answered without delay."""
    app = known_routes(make_api(settings or settings_of(database, accounts={"refusal_s": 0})))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, client=(peer, 50000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8401") as client:
            yield IdentityApi(client, database, app.state.pool)


def session(signed_in: dict[str, Any]) -> dict[str, str]:
    """Returns the headers of a signed-in holder."""
    return bearer(signed_in["access_token"])


def other_code(code: str) -> str:
    """Returns a code that differs from this one."""
    return f"{(int(code) + 1) % 1_000_000:06}"
