"""Reads the state of a record for a person who may close or reopen it."""

from uuid import UUID

from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordState, RecordUnknownError
from services.identity.people.store import records
from services.identity.relations.steps.check_relation import check_relation
from shared.http.tokens import Caller


async def read_own_record(storage: Storage, caller: Caller, record_id: UUID) -> RecordState:
    """Returns the state. Raises RecordUnknownError, SessionOverError, RelationInsufficientError."""
    async with storage.acquire() as work:
        await check_relation(work, caller, record_id, "close-record")
        record = await records.load_record(work.connection, record_id)
    if record is None:
        raise RecordUnknownError
    return record
