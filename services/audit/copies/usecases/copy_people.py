"""Keeps copies of who represents a patient, so that a former representative no longer reads the ledger."""

from services.audit.copies import store
from shared.contracts.identity import PeopleChanged
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message


async def copy_people(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """Stores the highest version of each record in the batch. Returns the keys of the messages that were newer."""
    latest = newest_of_each(messages, lambda event: event.record_id)
    newer = await store.upsert_people(connection, list(latest.values()))
    return {str(record_id).encode() for record_id in newer}
