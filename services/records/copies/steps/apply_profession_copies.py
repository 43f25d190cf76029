"""Stores from the directory which profession each professional has, and whether they practise."""

from services.records.copies.store.professions import upsert_professions
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def apply_profession_copies(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores newer versions. Structures, which come on the same topic, are skipped.

    Returns the message keys of newer copies, and those of all structures, of which no copy is stored.
    """
    events = [message.event for message in messages if isinstance(message.event, ProfessionalChanged)]
    latest = {event.professional_id: event for event in sorted(events, key=lambda event: event.version)}
    applied = await upsert_professions(connection, list(latest.values())) if latest else set()
    structures = {message.key for message in messages if isinstance(message.event, StructureChanged)}
    return {id.encode() for id in applied} | structures
