"""Keeps a copy of the public directory: the professionals and structures, and who is a doctor."""

from services.consent.copies import store
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def copy_directory(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores the newer entries. Returns the keys of the messages that were newer."""
    latest = newest_of_each(messages, lambda event: event.key)
    newer_ids = await store.upsert_entries(connection, [message.event for message in latest.values()])
    return {id.encode() for id in newer_ids}
