"""The directory tells of professionals and structures: which identifiers there are, and who is a doctor."""

from services.consent.store import directory
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.decoding import Message


async def copy_directory(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Only what is newer is kept. Returns the keys of newer copies."""
    latest = {one.event.key: one.event for one in sorted(messages, key=lambda message: message.event.version)}
    applied = await directory.upsert_entries(connection, list(latest.values()))
    return {id.encode() for id in applied}
