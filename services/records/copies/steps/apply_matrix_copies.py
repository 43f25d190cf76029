"""Stores a version of the access matrix, which is in force from its own date on."""

from services.records.copies.store import copies as store
from shared.contracts.consent import MatrixChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def apply_matrix_copies(connection: Connection, messages: list[Message[MatrixChanged]]) -> set[bytes]:
    """Stores newer versions; announces nothing, as a matrix is about no record. Returns the keys of newer copies."""
    latest = newest_of_each(messages, lambda event: event.name)
    applied = await store.upsert_matrices(connection, [latest[name].event for name in sorted(latest)])
    return {name.encode() for name in applied}
