"""Checks the caller's present relation to the holder of a record, and whether it suffices for an act."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.domain.persons import is_minor
from services.identity.people.steps import birth_date, load_holder
from services.identity.people.store import records
from services.identity.people.store.records import load_records_of_person
from services.identity.relations.domain.acts_for_holder import (
    Act,
    Proxy,
    Relation,
    RelationInsufficientError,
    is_permitted,
)
from services.identity.relations.store import care, representations
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class ProxyRelation:
    """The relation in which a person acts for another. `person_id`: the one of their records that is named for it."""

    relation: Proxy
    person_id: UUID


async def check_relation(work: UnitOfWork, caller: Caller, record_id: UUID, act: Act) -> Relation:
    """Returns the relation. A token outlives its basis by minutes; therefore session and relation are checked here.

    Raises RecordUnknownError, SessionOverError, RelationInsufficientError.
    """
    relation = await _relation(work, caller, record_id)
    if relation is None or await records.load_record(work.connection, record_id) is None:
        raise RecordUnknownError
    if await records.is_deceased(work.connection, record_id):
        raise RecordUnknownError
    await check_session(work.connection, caller.session_id)
    if not is_permitted(relation, act):
        raise RelationInsufficientError
    return relation


async def relation_of(work: UnitOfWork, record_id: UUID, own_id: UUID, now: datetime) -> Proxy | None:
    """Returns the relation in which the holder of the record `own_id` may now act in `record_id`: representative before
    carer."""
    if record_id == own_id or await records.load_record(work.connection, record_id) is None:
        return None
    if await records.is_deceased(work.connection, record_id):
        return None
    held = [
        representation
        for representation in await representations.load_representations(work.connection, record_id)
        if representation.representative_id == own_id and representation.status == "validated"
    ]
    if held:
        minor = is_minor(birth_date(await load_holder(work, record_id)), now)
        if any(candidate.is_in_force(now, holder_is_minor=minor) for candidate in held):
            return "representative"
    relations = await care.load_carers(work.connection, record_id)
    return (
        "carer"
        if any(candidate.carer_id == own_id and candidate.status == "accepted" for candidate in relations)
        else None
    )


async def find_proxy_relation(work: UnitOfWork, record_id: UUID, own_id: UUID, now: datetime) -> ProxyRelation | None:
    """Returns the relation in which the holder of `own_id` may now act in `record_id`, by that record or by the linked
    one."""
    relations = list[ProxyRelation]()
    for person_id in await load_records_of_person(work.connection, own_id):
        relation = await relation_of(work, record_id, person_id, now)
        relations += [] if relation is None else [ProxyRelation(relation, person_id)]
    return next(
        (candidate for candidate in relations if candidate.relation == "representative"),
        relations[0] if relations else None,
    )


async def is_holder_of(connection: Connection, caller: Caller, record_id: UUID | None) -> bool:
    """Returns whether the caller is signed in as the holder of that record, by it or by the linked one."""
    return caller.kind == "patient" and record_id in await load_records_of_person(connection, UUID(caller.id))


async def _relation(work: UnitOfWork, caller: Caller, record_id: UUID) -> Relation | None:
    if caller.record_id != record_id:
        return None
    match caller.kind:
        case "patient":
            return "holder"
        case "representative" | "carer":
            relation = await relation_of(work, record_id, UUID(caller.id), clock.now())
            return relation if relation == caller.kind else None
        case _:
            return None
