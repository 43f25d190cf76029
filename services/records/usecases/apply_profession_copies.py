"""The directory tells of professionals: which profession each has, and whether they practise."""

from services.records.store.professions import upsert_professions
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def apply_profession_copies(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Only what is newer is kept; structures, which come on the same topic, are passed over.

    Returns the keys of newer copies; those of structures, of which no copy is kept, are always up to date.
    """
    told = [one.event for one in messages if isinstance(one.event, ProfessionalChanged)]
    latest = {event.professional_id: event for event in sorted(told, key=lambda event: event.version)}
    applied = await upsert_professions(connection, list(latest.values())) if latest else set()
    structures = {one.key for one in messages if isinstance(one.event, StructureChanged)}
    return {id.encode() for id in applied} | structures
