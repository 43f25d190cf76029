"""Names the record of a page for a person who may act in it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.domain.persons import is_minor
from services.identity.people.steps import birth_date, display_name, load_holder
from services.identity.people.store.records import load_records_of_person
from services.identity.relations.steps.check_relation import find_proxy_relation
from shared.runtime import clock
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class NamedRecord(RedactedRepr):
    """The name of a record's holder, and what the holder is to the person: themselves, a child, a ward, a relative."""

    record_id: UUID
    name: str
    relation: Literal["self", "child", "ward", "relative"]


async def name_record(storage: Storage, own_id: UUID, record_id: UUID) -> NamedRecord:
    """Returns whose record it is to the person whose record is `own_id`.

    Raises RecordUnknownError where the person may not act.
    """
    async with storage.acquire() as work:
        if record_id in await load_records_of_person(work.connection, own_id):
            return NamedRecord(record_id, display_name(await load_holder(work, record_id)), "self")
        return await _name_of_another(work, own_id, record_id)


async def _name_of_another(work: UnitOfWork, own_id: UUID, record_id: UUID) -> NamedRecord:
    now = clock.now()
    proxy = await find_proxy_relation(work, record_id, own_id, now)
    if proxy is None:
        raise RecordUnknownError
    holder = await load_holder(work, record_id)
    if proxy.relation == "carer":
        return NamedRecord(record_id, display_name(holder), "relative")
    return NamedRecord(record_id, display_name(holder), "child" if is_minor(birth_date(holder), now) else "ward")
