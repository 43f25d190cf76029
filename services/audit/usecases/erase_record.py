"""A record vanishes: the ledger keeps its entries, codes and ids about a person no longer known.

The list of accesses has no reader from this commit on. Entries hold codes and ids only; there are no keys per record
here yet, so there is none to destroy.
"""

from uuid import UUID

from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.decoding import Message
from shared.erasing import begin_each


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Remembers the ids; what the patient might know of is removed in steps."""
    await begin_each(connection, messages, _nothing_at_once)


async def _nothing_at_once(_connection: Connection, _record_id: UUID) -> dict[str, int]:
    return {}
