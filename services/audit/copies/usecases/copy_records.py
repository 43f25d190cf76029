"""Keeps copies of records: their state, and the linked record, because a patient sees one list of both."""

from services.audit.copies import store
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> set[bytes]:
    """Stores the highest version of each record in the batch. Returns the keys of the messages that were newer."""
    latest = newest_of_each(messages, lambda event: event.record_id)
    newer = await store.upsert_records(connection, list(latest.values()))
    return {str(record_id).encode() for record_id in newer}
