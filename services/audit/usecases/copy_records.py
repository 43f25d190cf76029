"""A record has changed: keep its state, and which other one is of the same person, who sees one list of both."""

from services.audit.store import records as store
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
    """Keeps the highest version of each record in the batch, if it is newer. Returns the keys of newer copies."""
    latest = newest_of_each(messages, lambda event: event.record_id)
    newer = await store.upsert_records(connection, list(latest.values()))
    return {str(record_id).encode() for record_id in newer}
