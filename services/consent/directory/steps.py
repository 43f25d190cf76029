"""Keeps a copy of the directory's names, with the words by which they are searched."""

from services.consent.directory import store
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.public_names import copy_names


async def copy_searchable_names(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores the newer entries. Returns the keys of the messages that were newer."""
    newer_keys = await copy_names(connection, messages)
    latest = newest_of_each(messages, lambda event: event.key)
    await store.set_words(connection, [message.event for key, message in latest.items() if key.encode() in newer_keys])
    return newer_keys
