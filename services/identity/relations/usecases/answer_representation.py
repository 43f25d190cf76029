"""Validates, refuses or ends a representation, as the table allows for the acting party and the status."""

from dataclasses import replace
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import Keyrings
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.representation import (
    Representation,
    RepresentationAction,
    RepresentationParty,
    RepresentationRefusal,
    RepresentationUnknownError,
    decide,
)
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.steps.apply_representation_status import apply_representation_status
from services.identity.relations.steps.check_relation import check_relation, is_holder_of
from services.identity.relations.store import representations
from shared.contracts.audit import Action as LedgerAction
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def answer_representation(
    pool: Pool, keyrings: Keyrings, caller: Caller, record_id: UUID, id: UUID, action: RepresentationAction
) -> tuple[Representation, int]:
    """Returns the representation after the answer, and the version of the record's people.

    Raises RecordUnknownError, RelationInsufficientError, RepresentationUnknownError, and the refusals of the table.
    """
    actor = caller.actor()
    verb: LedgerAction = "end-representation" if action == "end" else "represent"
    async with logged_refusals(pool, record_id, actor, verb), transaction(pool) as connection:
        if not await representations.lock_records(connection, [record_id]):
            raise RecordUnknownError
        representation = await _find_representation(connection, record_id, id)
        party = await _party(connection, keyrings, caller, representation)
        decision = decide(representation.status, action, party)
        if isinstance(decision, RepresentationRefusal):
            raise decision.error()
        events = await apply_representation_status(
            connection, keyrings, representation, decision.status, clock.now(), actor
        )
        version, people = await announce_people(connection, record_id)
        await append(connection, [announce(event) for event in (*people, *events)])
    return replace(representation, status=decision.status), version


async def _find_representation(connection: Connection, record_id: UUID, id: UUID) -> Representation:
    for representation in await representations.load_representations(connection, record_id):
        if representation.id == id:
            return representation
    raise RepresentationUnknownError


async def _party(
    connection: Connection, keyrings: Keyrings, caller: Caller, representation: Representation
) -> RepresentationParty:
    if caller.kind == "administrator":
        caller.require("records.open")
        return "administrator"
    if await is_holder_of(connection, caller, representation.representative_id):
        await check_session(connection, caller.session_id)
        return "self"
    relation = await check_relation(connection, keyrings, caller, representation.record_id, "see-representatives")
    return "self" if caller.id == str(representation.representative_id) else relation
