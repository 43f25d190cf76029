"""Keeps copies of the public names that a patient's list shows."""

from services.audit.copies import store
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def copy_names(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores the highest version of each professional or structure in the batch. Returns the keys of the messages that
    were newer."""
    professionals: dict[str, Message[ProfessionalChanged]] = {}
    structures: dict[str, Message[StructureChanged]] = {}
    for message in sorted(messages, key=lambda message: message.event.version):
        if isinstance(message.event, ProfessionalChanged):
            professionals[message.event.key] = message  # type: ignore[assignment] # its event was just checked
        else:
            structures[message.event.key] = message  # type: ignore[assignment] # the event is the other type
    newer_keys: set[bytes] = set()
    if professionals:
        newer_keys |= await store.upsert_professionals(connection, list(professionals.values()))
    if structures:
        newer_keys |= await store.upsert_structures(connection, list(structures.values()))
    return newer_keys
