"""The directory tells of professionals: which profession each has, and whether they practise."""

from services.records.store.professions import upsert_professions
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.decoding import Message


async def apply_profession_copies(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> None:
    """Only what is newer is kept; structures, which come on the same topic, are passed over."""
    told = [one.event for one in messages if isinstance(one.event, ProfessionalChanged)]
    latest = {event.professional_id: event for event in sorted(told, key=lambda event: event.version)}
    if latest:
        await upsert_professions(connection, list(latest.values()))
