"""Stores which versions of records are in force where reads and deposits are decided."""

from uuid import UUID

from services.identity.people.store import records
from shared.contracts.records import CopyApplied
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def apply_copies(connection: Connection, messages: list[Message[CopyApplied]]) -> None:
    """Stores the highest version of each record. Acknowledgements of other topics are ignored."""
    versions: dict[UUID, int] = {}
    for event in (message.event for message in messages):
        if event.topic == IDENTITY_RECORDS.name:
            versions[event.record_id] = max(event.version, versions.get(event.record_id, 0))
    if versions:
        await records.set_in_force(connection, versions)
