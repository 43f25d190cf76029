"""Consent's API over HTTP, and the callers of one record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2

from services.consent.app import make_api
from services.consent.choices.steps import copy_people, copy_records
from services.consent.choices.store import states
from services.consent.copies.steps import copy_directory
from services.consent.copies.store import COPIED_TOPICS
from services.consent.settings import Settings
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.identity import PeopleChanged, PersonNamed, ProfessionalChanged, StructureChanged
from shared.db.pool import Pool, transaction
from shared.http.tokens import TokenVerifier
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.infra.fhir.oracle import check_fhir
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, make_token, patient_token
from tests.infra.messaging.messages import message, outbox
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.databases import Database

APPLICATION = "application-1"
DIRECTORY = {
    "899700000001": "G15_10",
    "899700000002": "G15_60",
    "899700000003": "G15_10",
    "899700000004": "G15_21",
    "1750000001": None,
    "1750000002": None,
}
"""The entries of the directory: doctors, a nurse, a pharmacist and two hospitals."""


async def enter(pool: Pool, *ids: str, version: int = 1, status: str = "active", profession: str | None = None) -> None:
    """Announces these identifiers as entries of the directory; without any, all of DIRECTORY."""
    events = [_entry(id, version, status, profession or DIRECTORY.get(id)) for id in ids or DIRECTORY]
    async with transaction(pool) as connection:
        await copy_directory(connection, [message(event) for event in events])


def _entry(id: str, version: int, status: str, profession: str | None) -> ProfessionalChanged | StructureChanged:
    fields = {"version": version, "name": "Inventé", "status": status}
    if profession is None:
        return StructureChanged.model_validate({"structure_id": id, **fields})
    return ProfessionalChanged.model_validate({"professional_id": id, "profession": profession, **fields})


class ConsentApi:
    """The API and its database."""

    def __init__(self, client: httpx2.AsyncClient, pool: Pool) -> None:
        self.client, self.pool = client, pool

    async def open_record(self) -> "Record":
        """Opens a record with its first state, an empty outbox and fresh copies."""
        record_id = uuid4()
        async with transaction(self.pool) as connection:
            await copy_records(connection, [message(record_changed(record_id))])
            await connection.execute("delete from outbox")
            await raise_watermarks(connection, {(topic, 0): clock.now() for topic in COPIED_TOPICS})
        return Record(self, record_id)


class Record:
    """One record, with requests about it."""

    def __init__(self, api: ConsentApi, id: UUID) -> None:
        self.api, self.id = api, id
        self.holder = patient_token(id)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Sends a request, as the patient unless another token is given."""
        sent = {**bearer(token or self.holder), **{name.replace("_", "-"): text for name, text in headers.items()}}
        return await self.api.client.request(method, f"/records/{self.id}/{path}", json=body, headers=sent)

    async def choices(self) -> dict[str, Any]:
        """Returns the current choices."""
        answer = await self.ask("GET", "choices")
        assert answer.status_code == 200, answer.text
        choices: dict[str, Any] = answer.json()
        return choices

    async def announce_people(self, version: int = 1, **people: Any) -> None:
        """Applies identity's event about the people named for the record."""
        event = PeopleChanged(record_id=self.id, version=version, **people)
        async with transaction(self.api.pool) as connection:
            await copy_people(connection, [message(event)])

    async def put_in_force(self, version: int) -> None:
        """Applies records' acknowledgement of this version."""
        async with transaction(self.api.pool) as connection:
            await states.raise_versions_in_force(connection, {self.id: version})

    async def events(self) -> list[Event]:
        """Returns the announced events about the record."""
        return [event for event in await outbox(self.api.pool) if event.key == str(self.id)]

    async def entries(self) -> list[AccessRecorded]:
        """Returns the events announced to the ledger."""
        return [event for event in await self.events() if isinstance(event, AccessRecorded)]


def representative(record_id: UUID, own_id: UUID, kind: str = "representative") -> str:
    """Returns the token of a person who acts for the patient of a record."""
    return make_token(kind, str(own_id), record_id=record_id)


def person(id: UUID, **more: Any) -> PersonNamed:
    """Returns a person who has been named for a record for years."""
    return PersonNamed.model_validate({"person_id": id, "kind": "parental", "from": "2020-01-01T00:00:00Z", **more})


@asynccontextmanager
async def consent_api(database: Database, **changed: Any) -> AsyncIterator[ConsentApi]:
    """Serves the API. `changed`: settings that differ."""
    app = make_api(
        Settings(
            postgres=PostgresSettings.model_validate({"dsn": database.dsn}),
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            tokens=SETTINGS,
            **changed,
        )
    )
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        transport = httpx2.ASGITransport(app)
        hooks = {"response": [check_fhir]}
        async with httpx2.AsyncClient(transport=transport, base_url="http://consent", event_hooks=hooks) as client:
            await enter(app.state.pool)
            yield ConsentApi(client, app.state.pool)
