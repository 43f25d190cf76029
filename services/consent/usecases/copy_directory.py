"""The directory tells of professionals and structures: which identifiers there are, and who is a doctor."""

from services.consent.store import directory
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def copy_directory(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Only what is newer is kept. Returns the keys of newer copies."""
    latest = newest_of_each(messages, lambda event: event.key)
    applied = await directory.upsert_entries(connection, [one.event for one in latest.values()])
    return {id.encode() for id in applied}
