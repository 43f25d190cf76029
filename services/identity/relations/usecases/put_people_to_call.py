"""Replaces the list of people to call."""

from collections.abc import Sequence
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.emergency_contacts import (
    PersonToCall,
    check_people_to_call,
    people_to_call_as_json,
    people_to_call_event,
)
from services.identity.relations.steps.check_relation import check_relation
from services.identity.relations.store import emergency_contacts, representations
from shared.http.tokens import Caller
from shared.messaging.outbox import append


async def put_people_to_call(storage: Storage, caller: Caller, record_id: UUID, people: Sequence[PersonToCall]) -> None:
    """Replaces the whole list, possibly by an empty one.

    Raises PeopleToCallInvalidError, RecordUnknownError, RelationInsufficientError.
    """
    check_people_to_call(people)
    actor = caller.actor()
    async with logged_refusals(storage.pool, record_id, actor, "change-contact"), storage.transaction() as work:
        if not await representations.lock_records(work.connection, [record_id]):
            raise RecordUnknownError
        await check_relation(work, caller, record_id, "change-people-to-call")
        sealed = seal_row(storage.keyrings.persons, people_to_call_as_json(people), "people-to-call", record_id)
        version = await emergency_contacts.put_people_to_call(work.connection, record_id, sealed)
        changed = people_to_call_event(storage.keyrings.people_to_call, record_id, version, people)
        access = permitted_access(record_id, actor, "change-contact", "people-to-call")
        await append(work.connection, [announce(changed), announce(access)])
