"""A record has changed: keep its state, and which other one is of the same person, who sees one list of both."""

from services.audit.store import records as store
from shared.contracts.identity import RecordChanged
from shared.db.pool import Connection
from shared.decoding import Message


async def copy_records(connection: Connection, messages: list[Message[RecordChanged]]) -> None:
    """The highest version of each record in the batch, if it is higher than the copy's."""
    latest = {one.event.record_id: one for one in sorted(messages, key=lambda message: message.event.version)}
    await store.upsert_records(connection, list(latest.values()))
