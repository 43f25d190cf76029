"""A record vanishes: from this commit on nobody finds it, and its bytes cannot be opened any more.

They are removed afterwards, in steps; backups hold them without the key.
"""

from services.records.store import copies, erasing
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Takes the records' rows first, which waits for reads and deposits under way."""
    await begin_each(connection, messages, erasing.destroy_record, copies.lock_records)
