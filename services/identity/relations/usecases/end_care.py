"""Ends the care for the holder of a record, or withdraws an invitation; both sides may."""

from dataclasses import replace
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.care import CareParty, CareRelation, CareUnknownError, decide
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.check_relation import check_relation, is_holder_of
from services.identity.relations.store import care, representations
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def end_care(storage: Storage, caller: Caller, record_id: UUID, id: UUID) -> tuple[CareRelation, int]:
    """Returns the relation after the end, and the version of the record's people.

    Raises RecordUnknownError, SessionOverError, RelationInsufficientError, CareUnknownError.
    """
    actor, now = caller.actor(), clock.now()
    async with logged_refusals(storage.pool, record_id, actor, "end-care"), storage.transaction() as work:
        if not await representations.lock_records(work.connection, [record_id]):
            raise RecordUnknownError
        relation = await care.load_care(work.connection, id)
        if relation is not None and relation.record_id != record_id:
            relation = None
        party = await _party(work, caller, record_id, relation)
        if relation is None:
            raise CareUnknownError
        status = relation.status_at(now)
        decision = decide(status, "end", party)
        if isinstance(decision, TransitionRefusal):
            raise decision.error()
        if decision.status != status:
            await care.settle_care(work.connection, relation.id, decision.status, now)
        version, events = await announce_people(work.connection, record_id)
        if decision.status != status:
            events.append(permitted_access(record_id, actor, "end-care", decision.status, subject=relation.carer_id))
        await append(work.connection, [announce(event) for event in events])
    return replace(relation, status=decision.status), version


async def _party(work: UnitOfWork, caller: Caller, record_id: UUID, relation: CareRelation | None) -> CareParty:
    if relation is not None and relation.carer_id is not None:
        acting = caller.kind == "carer" and caller.id == str(relation.carer_id)
        if acting or await is_holder_of(work.connection, caller, relation.carer_id):
            await check_session(work.connection, caller.session_id)
            return "invited"
    return await check_relation(work, caller, record_id, "end-care")
