"""A record vanishes: the ledger keeps its entries, codes and ids about a person no longer known.

The key goes under which its motives lie, and the list of accesses has no reader from this commit on.
"""

from uuid import UUID

from services.audit import store
from services.audit.store import motives, people, records
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Remembers the ids, destroys the keys, forgets states, people and links; what the patient might know of is removed
    in steps."""
    await begin_each(connection, messages, _destroy)


async def _destroy(connection: Connection, record_id: UUID) -> dict[str, int]:
    destroyed = await store.destroy_key(connection, record_id) | await records.delete_record(connection, record_id)
    destroyed |= await people.delete_people(connection, record_id)
    return destroyed | await motives.delete_of(connection, record_id)
