"""Announces lists of people to call that are older than their topic."""

from typing import Final

from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import open_row
from services.identity.kit.unit_of_work import Storage
from services.identity.relations.domain.emergency_contacts import people_to_call_event, people_to_call_from_json
from services.identity.relations.store import emergency_contacts
from shared.messaging.outbox import append

PAGE: Final = 100


async def announce_people_to_call(storage: Storage) -> int:
    """Announces a page of lists; returns how many there were. Raises KeyUnknownError, SealBrokenError."""
    keyrings = storage.keyrings
    async with storage.transaction() as work:
        lists = await emergency_contacts.take_unannounced(work.connection, PAGE)
        events = []
        for record_id, sealed in lists.items():
            people = people_to_call_from_json(open_row(keyrings.persons, sealed, "people-to-call", record_id))
            events.append(people_to_call_event(keyrings.people_to_call, record_id, 1, people))
        await append(work.connection, [announce(event) for event in events])
    return len(lists)
