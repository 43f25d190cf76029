"""Recovers after this database lost commits: repeats erasures, ends sessions, and raises versions.

Versions are raised above those on the topics. Events of records, people, contacts and people to call hold fingerprints
and values sealed for others, not the data of identity itself: an operator decides about each key.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from services.identity.erasure import store as erasures
from services.identity.erasure.steps.destruction import erase_again
from services.identity.kit.sealed_rows import Keyrings
from services.identity.kit.unit_of_work import UnitOfWork
from shared.contracts.base import StateEvent
from shared.contracts.identity import (
    ContactChanged,
    PeopleChanged,
    PeopleToCallChanged,
    RecordChanged,
    RecordErased,
)
from shared.contracts.topics import (
    IDENTITY_CONTACTS,
    IDENTITY_ERASURES,
    IDENTITY_PEOPLE,
    IDENTITY_PEOPLE_TO_CALL,
    IDENTITY_RECORDS,
)
from shared.db.pool import Connection
from shared.messaging.outbox import Announcement
from shared.messaging.outbox.lost import SentRecord
from shared.runtime import clock

VersionRaiser = Callable[[Connection, UUID, int], Awaitable[None]]
VERSION_RAISERS: dict[str, tuple[type[StateEvent], VersionRaiser]] = {
    IDENTITY_RECORDS.name: (RecordChanged, erasures.raise_record_version),
    IDENTITY_PEOPLE.name: (PeopleChanged, erasures.raise_people_version),
    IDENTITY_CONTACTS.name: (ContactChanged, erasures.raise_contact_version),
    IDENTITY_PEOPLE_TO_CALL.name: (PeopleToCallChanged, erasures.raise_people_to_call_version),
}


async def raise_versions(connection: Connection, record: SentRecord, _: bool) -> bool:
    """Raises the stored version above that of the topic, so that it does not count as in force.

    The next change announces it. Always returns False: an operator decides.
    """
    raiser = VERSION_RAISERS.get(record.place.topic)
    if raiser is not None and record.body is not None:
        event_class, raise_version = raiser
        version = event_class.model_validate_json(record.body).version
        await raise_version(connection, UUID(record.key), version + 1)
    return False


async def raise_above(connection: Connection, topic: str, key: str, version: int) -> None:
    """Raises the stored version above that of a neighbour's copy. Does nothing where identity has no such versions."""
    if topic in VERSION_RAISERS:
        _, raise_version = VERSION_RAISERS[topic]
        await raise_version(connection, UUID(key), version + 1)


async def erase_again_and_end_sessions(
    connection: Connection, facts: Sequence[SentRecord], *, keyrings: Keyrings
) -> list[Announcement]:
    """Erases erased persons again, and ends all sessions, because an end may be lost. Returns the announcements."""
    await erasures.end_all_sessions(connection, clock.now())
    announcements: list[Announcement] = []
    for record in facts:
        if record.place.topic == IDENTITY_ERASURES.name and record.body is not None:
            event = RecordErased.model_validate_json(record.body)
            announcements += await erase_again(UnitOfWork(connection, keyrings), event)
    return announcements
