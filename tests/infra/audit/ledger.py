"""The ledger of one record, and audit's API over it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2

from services.audit.app import make_api
from services.audit.copies.steps.copy_people import copy_people
from services.audit.copies.steps.copy_records import copy_records
from services.audit.ledger.steps.write_entries import write_entries
from services.audit.settings import Settings
from shared.access import RULES_VERSION, Facts, Permit, decide, encode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.contracts.identity import PeopleChanged, PersonNamed
from shared.contracts.topics import IDENTITY_ERASURES, IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Pool, transaction
from shared.http.tokens import TokenVerifier
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.audit.keys import KEYS, MOTIVES
from tests.infra.http.tokens import SETTINGS, TestKeys, make_token
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.platform.databases import Database

DOCTOR, HOSPITAL = "899700000001", "1750000001"
PARENT = UUID(int=0x9001)
"""The representative in `Ledger.record`."""


def id_at(time: datetime) -> UUID:
    """Returns an event id that was made at that time."""
    return UUID(int=int(time.timestamp() * 1000) << 80 | clock.new_id().int & (1 << 80) - 1)


def doctor(id: str = DOCTOR, structure: str = HOSPITAL) -> Actor:
    """Returns a physician of a structure as an actor."""
    return Actor(kind="professional", id=id, profession="10", organisation_id=structure)


def judged(facts: Facts) -> dict[str, Any]:
    """Decides these facts; returns the fields of the ledger's event."""
    decision = decide(facts)
    permitted = isinstance(decision, Permit)
    reason = decision.rule if isinstance(decision, Permit) else decision.reason
    answer = {"outcome": "permitted" if permitted else "refused", "reason": reason}
    return {**answer, "rules_version": RULES_VERSION, "facts": encode_facts(facts)}


def reading(**more: Any) -> Facts:
    """Returns the facts of an authorised physician who reads a letter; `more` replaces some of them."""
    facts: dict[str, Any] = {
        "action": "read",
        "actor_kind": "professional",
        "profession": "G15_10",
        "record_status": "open",
        "choices_known": True,
        "copies_fresh": True,
        "blocked": "none",
        "authorisation": "valid",
        "document_status": "published",
        "document_type": "34133-9",
        "labels": frozenset({"N"}),
        "section_hidden": False,
        "matrix_cell": "allowed",
    }
    return Facts(**facts | more)


class Ledger:
    """The ledger of one record. Each event is a second later than the previous one; its id carries its time."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client, self.record_id = client, uuid4()
        self.pool: Pool = client._transport.app.state.pool  # type: ignore[attr-defined] # the app behind the transport
        self.time = clock.now() - timedelta(hours=1)

    async def tell(self, event: Event, at: datetime | None = None) -> UUID:
        """Enters an event; returns its id."""
        self.time += timedelta(seconds=1)
        time = at or self.time
        id = id_at(time)
        async with transaction(self.pool) as connection:
            await write_entries(MOTIVES, connection, [message(event, id=id, time=time)])
        return id

    async def record(self, status: str = "open", version: int = 1) -> None:
        """Applies identity's events of the record's state and of PARENT as its representative; the copies are fresh."""
        state = {"status": "open" if status == "open" else "closed", "deceased": status == "deceased"}
        event = record_changed(self.record_id, version).model_copy(update=state)
        async with transaction(self.pool) as connection:
            await copy_records(connection, [message(event)])
        await self.people(version, PARENT)
        await self.be_fresh()

    async def people(self, version: int, *representatives: UUID, until: datetime | None = None) -> None:
        """Applies identity's event of the representatives of the patient and the end of their rights."""
        persons = tuple(
            PersonNamed(person_id=id, kind="representative-of-minor", since=self.time, until=until)
            for id in representatives
        )
        event = PeopleChanged(record_id=self.record_id, version=version, representatives=persons)
        async with transaction(self.pool) as connection:
            await copy_people(connection, [message(event)])

    async def be_fresh(self) -> None:
        """Raises the watermarks of the partition of the record."""
        async with transaction(self.pool) as connection:
            topics = IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name, IDENTITY_ERASURES.name
            await raise_watermarks(connection, {(topic, 0): clock.now() for topic in topics})

    async def document(self, *labels: str) -> UUID:
        """Enters a document with these labels; returns its id."""
        event = document_received(self.record_id).model_copy(update={"labels": labels or ("N",)})
        await self.tell(event)
        return event.document_id

    async def access(
        self, actor: Actor, action: str, decision: dict[str, Any], at: datetime | None = None, **more: Any
    ) -> UUID:
        """Enters an access or a refusal; returns its event id."""
        fact = {"record_id": self.record_id, "actor": actor, "action": action, **decision, **more}
        return await self.tell(AccessRecorded.model_validate(fact), at)


def parent_token(record_id: UUID) -> str:
    """Returns the token with which PARENT acts for the patient of that record."""
    return make_token("representative", str(PARENT), record_id=record_id)


@asynccontextmanager
async def audit_api(database: Database) -> AsyncIterator[httpx2.AsyncClient]:
    """Serves the API in this process."""
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
            keys=KEYS,
        )
    )
    async with app.router.lifespan_context(app):
        async with transaction(app.state.pool) as connection:
            await raise_watermarks(connection, {(IDENTITY_ERASURES.name, 0): clock.now()})
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://audit") as http_client:
            yield http_client
