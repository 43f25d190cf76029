"""In which relation somebody is to the holder of a record, now, and whether that is enough for what they ask."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.domain.acting import Act, Proxy, Relation, RelationInsufficientError, is_permitted
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.representation import is_minor
from services.identity.domain.sealing import Keyrings
from services.identity.store import care, lifecycle, records, representations
from services.identity.store.links import records_of_person
from services.identity.usecases.check_session import check_session
from services.identity.usecases.load_holder import birth_date, load_holder
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class ActingAs:
    """In which relation somebody acts. `person_id`: the one of their records that is named for it."""

    relation: Proxy
    person_id: UUID


async def check_relation(
    connection: Connection, keyrings: Keyrings, asking: Caller, record_id: UUID, act: Act
) -> Relation:
    """A token outlives what it rests on by minutes; here the session and the relation themselves are looked at.

    Raises RecordUnknownError, SessionOverError, RelationInsufficientError.
    """
    relation = await _relation(connection, keyrings, asking, record_id)
    if relation is None or await records.load_record(connection, record_id) is None:
        raise RecordUnknownError
    if await lifecycle.is_deceased(connection, record_id):
        raise RecordUnknownError
    await check_session(connection, asking.session_id)
    if not is_permitted(relation, act):
        raise RelationInsufficientError
    return relation


async def relation_of(
    connection: Connection, keyrings: Keyrings, record_id: UUID, own_id: UUID, now: datetime
) -> Proxy | None:
    """What the holder of the record `own_id` may now act as in `record_id`: representative before carer."""
    if record_id == own_id or await records.load_record(connection, record_id) is None:
        return None
    if await lifecycle.is_deceased(connection, record_id):
        return None
    theirs = [
        one
        for one in await representations.representations_of(connection, record_id)
        if one.representative_id == own_id and one.status == "validated"
    ]
    if theirs:
        minor = is_minor(birth_date(await load_holder(connection, keyrings, record_id)), now)
        if any(one.is_in_force(now, holder_is_minor=minor) for one in theirs):
            return "representative"
    cared = await care.carers_of(connection, record_id)
    return "carer" if any(one.carer_id == own_id and one.status == "accepted" for one in cared) else None


async def acting_as(
    connection: Connection, keyrings: Keyrings, record_id: UUID, own_id: UUID, now: datetime
) -> ActingAs | None:
    """What the holder of the record `own_id` may now act as in `record_id`, by that record or by the linked one."""
    found = list[ActingAs]()
    for person_id in await records_of_person(connection, own_id):
        relation = await relation_of(connection, keyrings, record_id, person_id, now)
        found += [] if relation is None else [ActingAs(relation, person_id)]
    return next((one for one in found if one.relation == "representative"), found[0] if found else None)


async def is_holder_of(connection: Connection, asking: Caller, record_id: UUID | None) -> bool:
    """Whether the caller is signed in as the holder of that record, by it or by the one that is linked with it."""
    return asking.kind == "patient" and record_id in await records_of_person(connection, UUID(asking.id))


async def _relation(connection: Connection, keyrings: Keyrings, asking: Caller, record_id: UUID) -> Relation | None:
    if asking.record_id != record_id:
        return None
    match asking.kind:
        case "patient":
            return "holder"
        case "representative" | "carer":
            found = await relation_of(connection, keyrings, record_id, UUID(asking.id), clock.now())
            return found if found == asking.kind else None
        case _:
            return None
