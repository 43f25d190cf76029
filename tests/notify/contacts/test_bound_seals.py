"""A contact or a code that stands in another's place is told to nobody; those of former releases are bound once."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from services.notify.alerts.store.alerts import find_recipients
from services.notify.contacts.adapters import ContactUnreadableError, decrypt_contact
from services.notify.contacts.steps import keep_contacts
from services.notify.keys import make_keys
from services.notify.messages.adapters.encryption import SealUnusableError
from services.notify.messages.steps import enqueue_messages
from services.notify.settings import KeysSettings
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged
from shared.contracts.notify import MessageRequested
from shared.crypto.keyring import Keyring
from shared.db.key_rewrap import Rewrapped, rewrap
from shared.runtime.settings import PostgresSettings
from tests.infra.identity.identity_api import query
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import (
    KEYRING,
    KEYRING_TEXT,
    NEXT_KEYRING_TEXT,
    SENDER,
    contact,
    mail_server,
    published,
    requested,
    worker,
)
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.shared.crypto.test_keyrings import unbound

ROTATED = f"{NEXT_KEYRING_TEXT},{KEYRING_TEXT}"
CODE: dict[str, Any] = {"code": "123456", "minutes": "10"}
"""What a sign-in code says."""


def as_before(event: ContactChanged | MessageRequested, place: str) -> Event:
    """As a former release sealed it: bound to nothing."""
    return event.model_copy(update={"sealed": unbound(KEYRING, KEYRING.decrypt_jwe(event.sealed, place))})


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """As the service."""
    connection = await asyncpg.connect(database.dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def keep(database: Database, event: Event) -> None:
    """As the consumer does it."""
    async with connected(database) as connection, connection.transaction():
        if isinstance(event, ContactChanged):
            await keep_contacts(connection, [message(event)])
        else:
            await enqueue_messages(connection, [message(event)], keyring=KEYRING, sender=SENDER)


async def reached(database: Database, record_id: UUID, rings: str = KEYRING_TEXT) -> str | None:
    """Where an alert of this record would go."""
    async with connected(database) as connection:
        recipient = (await find_recipients(connection, [record_id]))[record_id]
    ring = Keyring.parse(rings)
    return decrypt_contact(ring, record_id, recipient.sealed, takes_unbound=recipient.takes_unbound).mail


async def rewrapped(database: Database, rings: str = KEYRING_TEXT) -> Sequence[Rewrapped]:
    settings = KeysSettings(contacts=SecretStr(rings))
    postgres = PostgresSettings.model_validate({"dsn": database.dsn})
    return await rewrap(postgres, "notify", make_keys(settings), lambda _: None)


async def test_an_alert_never_goes_to_a_contact_of_another_record(database: Database, kafka: Topics) -> None:
    victim, other, third = uuid4(), uuid4(), uuid4()
    async with mail_server() as server, worker(database, kafka, server.port):
        for record_id, mail in ((victim, "victim@m.example"), (other, "other@m.example"), (third, "third@m.example")):
            await kafka.put(contact(record_id, mail))
        await eventually(lambda: value(database, "select count(*) = 3 from contacts"))
        swap = "update contacts set sealed = (select sealed from contacts where record_id = $1) where record_id = $2"
        await query(database, swap, other, victim)
        await kafka.put(contact(third, "third@m.example").model_copy(update={"record_id": other, "version": 2}))
        await eventually(lambda: value(database, "select bool_or(version = 2) from contacts"))
        await kafka.put(published(victim))
        await kafka.put(published(other))
        await kafka.put(published(third))
        await server.received(1)
        await eventually(
            lambda: value(database, "select count(*) = 2 from parked_messages where error_code = 'contact-unreadable'")
        )
    assert [mail["to"] for mail in server.mails] == ["third@m.example"]


async def test_a_code_never_goes_to_the_address_of_another_request(database: Database, kafka: Topics) -> None:
    mine, victims = requested("mine@mail.example", **CODE), requested("victim@mail.example", **CODE)
    async with mail_server() as server, worker(database, kafka, server.port):
        await kafka.put(victims.model_copy(update={"sealed": mine.sealed}))
        await eventually(lambda: value(database, "select error_code = 'request-seal-broken' from parked_messages"))
        await kafka.put(mine)
        await server.received(1)
    assert [mail["to"] for mail in server.mails] == ["mine@mail.example"]


async def test_what_former_releases_sealed_is_taken_until_it_was_bound(database: Database) -> None:
    record_id = uuid4()
    await query(database, "insert into unbound_seals default values")
    before, request = contact(record_id, "here@mail.example"), requested("here@mail.example", **CODE)
    await keep(database, as_before(before, f"contact;id={record_id}"))
    await keep(database, as_before(request, f"request;id={request.request_id}"))
    assert await reached(database, record_id) == "here@mail.example"

    outcomes = await rewrapped(database, ROTATED)
    assert [(outcome.column, outcome.done) for outcome in outcomes] == [("contacts.sealed", 1), ("messages.sealed", 1)]
    assert await reached(database, record_id, ROTATED) == "here@mail.example"
    [[under]] = await query(
        database,
        "select array_agg(distinct header_of_jwe(sealed) ->> 'kid') "
        "from (select sealed from contacts union all select sealed from messages) as all_of_them",
    )
    assert under == ["contacts-2"]

    later = uuid4()
    await keep(database, as_before(contact(later), f"contact;id={later}"))
    with pytest.raises(ContactUnreadableError):
        await reached(database, later, ROTATED)
    with pytest.raises(SealUnusableError):
        await keep(database, as_before(request, f"request;id={request.request_id}"))
    await rewrapped(database, ROTATED)
    with pytest.raises(ContactUnreadableError):
        await reached(database, later, ROTATED)


async def test_a_new_database_takes_nothing_that_is_unbound_and_the_service_cannot_change_that(
    database: Database,
) -> None:
    record_id = uuid4()
    await keep(database, as_before(contact(record_id), f"contact;id={record_id}"))
    with pytest.raises(ContactUnreadableError):
        await reached(database, record_id)
    async with connected(database) as connection:
        assert not await connection.fetchval("select has_table_privilege('unbound_seals', 'insert, update')")
