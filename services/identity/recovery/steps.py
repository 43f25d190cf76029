"""Returns the present states of identity, page by page, as they are announced onto another Kafka cluster."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import asyncpg

from services.identity.clients.steps import client_changed
from services.identity.erasure.store import Erasure
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings, Sealed, open_row
from services.identity.lifecycle.domain.record_event import record_changed
from services.identity.lifecycle.steps import open_holder
from services.identity.lifecycle.store import LifecycleRecord
from services.identity.people.domain.contacts import Contact, seal_contact
from services.identity.recovery import store
from services.identity.relations.domain.emergency_contacts import people_to_call_event, people_to_call_from_json
from services.identity.relations.domain.people import RecordPeople
from shared.contracts.base import Event
from shared.contracts.identity import ContactChanged, PeopleToCallChanged, RecordChanged, RecordErased
from shared.contracts.topics import (
    IDENTITY_CLIENTS,
    IDENTITY_CONTACTS,
    IDENTITY_ERASURES,
    IDENTITY_PEOPLE,
    IDENTITY_PEOPLE_TO_CALL,
    IDENTITY_PROFESSIONALS,
    IDENTITY_RECORDS,
)
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Connection
from shared.messaging.outbox.announce_anew import StatePage, StateSource
from shared.runtime.clock import bucket_in, bucket_of

Row = TypeVar("Row")
STRUCTURES: Final = f"{IDENTITY_PROFESSIONALS.name}/structures"


def state_sources(keyrings: Keyrings) -> list[StateSource]:
    """Returns the sources of all states. Erasures come first, so that nothing about an erased person comes before."""
    sources: dict[str, Callable[[Connection, str], Awaitable[StatePage]]] = {
        IDENTITY_ERASURES.name: _erasures,
        STRUCTURES: _structures,
        IDENTITY_PROFESSIONALS.name: _professionals,
        IDENTITY_CLIENTS.name: _software,
        IDENTITY_RECORDS.name: partial(_records, keyrings),
        IDENTITY_PEOPLE.name: _people,
        IDENTITY_CONTACTS.name: partial(_contacts, keyrings),
        IDENTITY_PEOPLE_TO_CALL.name: partial(_people_to_call, keyrings),
    }
    return [StateSource(name, load) for name, load in sources.items()]


def recorded_erasure(erasure: Erasure) -> RecordErased:
    """Returns the event that announced this erasure."""
    return RecordErased(
        record_id=erasure.record_id, erasure_id=erasure.id, reason=erasure.reason, decided_at=erasure.decided_at
    )


async def _erasures(connection: Connection, position: str) -> StatePage:
    rows = await store.page_erasures(connection, _place(position))
    return _page(rows, recorded_erasure, lambda row: f"{bucket_in(row.id)}/{row.id}")


async def _records(keyrings: Keyrings, connection: Connection, position: str) -> StatePage:
    def event_of(row: LifecycleRecord) -> RecordChanged:
        holder = open_holder(keyrings, row)
        return record_changed(
            keyrings.ins, row.id, row.version, row.state, holder, row.opened_at, linked_to=row.linked_to
        )

    rows = await store.page_records(connection, _place(position))
    return _page(rows, event_of, lambda row: f"{bucket_of(row.id)}/{row.id}")


async def _people(connection: Connection, position: str) -> StatePage:
    return _page(
        await store.page_people(connection, _place(position)),
        lambda row: RecordPeople.from_json(row["people"]).as_event(row["id"], row["version"]),
        lambda row: f"{row['bucket']}/{row['id']}",
    )


async def _contacts(keyrings: Keyrings, connection: Connection, position: str) -> StatePage:
    def event_of(row: asyncpg.Record) -> ContactChanged:
        plain = open_row(keyrings.persons, Sealed(row["key_id"], row["sealed"]), "contact", row["id"])
        sealed = seal_contact(keyrings, row["id"], Contact.from_json(plain))
        return ContactChanged(record_id=row["id"], version=row["version"], sealed=sealed)

    rows = await store.page_contacts(connection, _place(position))
    return _page(rows, event_of, lambda row: f"{row['bucket']}/{row['id']}")


async def _people_to_call(keyrings: Keyrings, connection: Connection, position: str) -> StatePage:
    def event_of(row: asyncpg.Record) -> PeopleToCallChanged:
        plain = open_row(keyrings.persons, Sealed(row["key_id"], row["sealed"]), "people-to-call", row["id"])
        people = people_to_call_from_json(plain)
        return people_to_call_event(keyrings.people_to_call, row["id"], row["version"], people)

    rows = await store.page_people_to_call(connection, _place(position))
    return _page(rows, event_of, lambda row: f"{row['bucket']}/{row['id']}")


async def _structures(connection: Connection, position: str) -> StatePage:
    rows = await store.page_structures(connection, position)
    return _page(rows, lambda row: row[0].as_event(row[1]), lambda row: row[0].id)


async def _professionals(connection: Connection, position: str) -> StatePage:
    rows = await store.page_professionals(connection, position)
    return _page(rows, lambda row: row[0].as_event(row[1]), lambda row: row[0].id)


async def _software(connection: Connection, position: str) -> StatePage:
    ids = await store.page_software(connection, position)
    announcements = [announce(await client_changed(connection, id)) for id in ids]
    return StatePage(announcements, ids[-1] if ids else None)


def _page(rows: Sequence[Row], event_of: Callable[[Row], Event], position_of: Callable[[Row], str]) -> StatePage:
    return StatePage([announce(event_of(row)) for row in rows], position_of(rows[-1]) if rows else None)


def _place(position: str) -> tuple[int, UUID]:
    if not position:
        return BEFORE_ALL
    bucket, _, id = position.partition("/")
    return int(bucket), UUID(id)
