"""Erases a record: the ledger keeps its entries, which are codes and ids of a person who is no longer known.

The key of its motives is deleted, and from this commit on nobody can read its list of accesses.
"""

from uuid import UUID

from services.audit.copies.store import delete_people, delete_record
from services.audit.ledger.store import delete_record_motives, destroy_key
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Notes the erased ids, deletes keys and copies; visibilities of documents are deleted in steps."""
    await begin_each(connection, messages, _destroy)


async def _destroy(connection: Connection, record_id: UUID) -> dict[str, int]:
    destroyed = await destroy_key(connection, record_id) | await delete_record(connection, record_id)
    destroyed |= await delete_people(connection, record_id)
    return destroyed | await delete_record_motives(connection, record_id)
