"""Erases a record: after this commit nobody finds it, and nobody can decrypt its bytes.

The bytes are deleted afterwards in batches; backups have them without the key.
"""

from services.records.copies.store import copies
from services.records.erasure import store
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Erases each record; locks the records' rows first, which waits for reads and deposits in progress."""
    await begin_each(connection, messages, store.destroy_record, copies.lock_records)
