"""Reads the people to call for the holder of a record."""

from uuid import UUID

from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import Storage
from services.identity.relations.domain.emergency_contacts import PersonToCall, people_to_call_from_json
from services.identity.relations.steps.check_relation import check_relation
from services.identity.relations.store import emergency_contacts
from shared.http.tokens import Caller


async def read_people_to_call(storage: Storage, caller: Caller, record_id: UUID) -> tuple[PersonToCall, ...]:
    """Returns the people in the order given. Raises RecordUnknownError."""
    async with storage.acquire() as work:
        await check_relation(work, caller, record_id, "see-people-to-call")
        sealed = await emergency_contacts.load_people_to_call(work.connection, record_id)
    if sealed is None:
        return ()
    return people_to_call_from_json(open_row(storage.keyrings.persons, sealed, "people-to-call", record_id))
