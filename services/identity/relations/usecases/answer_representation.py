"""Validates, refuses or ends a representation, as the table allows for the acting party and the status."""

from dataclasses import replace
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.representation import (
    Representation,
    RepresentationAction,
    RepresentationParty,
    RepresentationUnknownError,
    decide,
)
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.apply_representation_status import apply_representation_status
from services.identity.relations.steps.check_relation import check_relation, is_holder_of
from services.identity.relations.store import representations
from shared.contracts.audit import Action as LedgerAction
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def answer_representation(
    storage: Storage, caller: Caller, record_id: UUID, id: UUID, action: RepresentationAction
) -> tuple[Representation, int]:
    """Returns the representation after the answer, and the version of the record's people.

    Raises RecordUnknownError, RelationInsufficientError, RepresentationUnknownError, and the refusals of the table.
    """
    actor = caller.actor()
    verb: LedgerAction = "end-representation" if action == "end" else "represent"
    async with logged_refusals(storage.pool, record_id, actor, verb), storage.transaction() as work:
        if not await representations.lock_records(work.connection, [record_id]):
            raise RecordUnknownError
        representation = await _find_representation(work.connection, record_id, id)
        party = await _party(work, caller, representation)
        decision = decide(representation.status, action, party)
        if isinstance(decision, TransitionRefusal):
            raise decision.error()
        events = await apply_representation_status(work, representation, decision.status, clock.now(), actor)
        version, people = await announce_people(work.connection, record_id)
        await append(work.connection, [announce(event) for event in (*people, *events)])
    return replace(representation, status=decision.status), version


async def _find_representation(connection: Connection, record_id: UUID, id: UUID) -> Representation:
    for representation in await representations.load_representations(connection, record_id):
        if representation.id == id:
            return representation
    raise RepresentationUnknownError


async def _party(work: UnitOfWork, caller: Caller, representation: Representation) -> RepresentationParty:
    if caller.kind == "administrator":
        caller.require("records.open")
        return "administrator"
    if await is_holder_of(work.connection, caller, representation.representative_id):
        await check_session(work.connection, caller.session_id)
        return "self"
    relation = await check_relation(work, caller, representation.record_id, "see-representatives")
    return "self" if caller.id == str(representation.representative_id) else relation
