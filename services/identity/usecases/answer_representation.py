"""Validates, refuses or ends a representation: what the table says of who acts and of where it stands."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.acting import permitted_access
from services.identity.domain.contacts import Note
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.representation import (
    Action,
    Party,
    Refusal,
    Representation,
    RepresentationUnknownError,
    Status,
    decide,
)
from services.identity.domain.sealing import Keyrings
from services.identity.store import representations
from services.identity.usecases.admit_representative import told_of_representation
from services.identity.usecases.announce_people import announce_people
from services.identity.usecases.check_relation import check_relation, is_holder_of
from services.identity.usecases.check_session import check_session
from services.identity.usecases.settle_contact import settle_contact
from services.identity.usecases.tell_holder import tell_holder
from services.identity.usecases.telling_refusals import logged_refusals
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor, Event
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def answer_representation(
    pool: Pool, keyrings: Keyrings, asking: Caller, record_id: UUID, id: UUID, action: Action
) -> tuple[Representation, int]:
    """The representation as it is now, and the version of the record's people.

    Raises RecordUnknownError, RelationInsufficientError, RepresentationUnknownError, and what the table refuses.
    """
    actor = asking.actor()
    verb: LedgerAction = "end-representation" if action == "end" else "represent"
    async with logged_refusals(pool, record_id, actor, verb), transaction(pool) as connection:
        if not await representations.lock_records(connection, [record_id]):
            raise RecordUnknownError
        known = await _find(connection, record_id, id)
        party = await _party(connection, keyrings, asking, known)
        decided = decide(known.status, action, party)
        if isinstance(decided, Refusal):
            raise decided.error()
        events = await settle(connection, keyrings, known, decided.status, clock.now(), actor)
        version, people = await announce_people(connection, record_id)
        await append(connection, [announce(one) for one in (*people, *events)])
    return replace(known, status=decided.status), version


async def settle(
    connection: Connection,
    keyrings: Keyrings,
    known: Representation,
    status: Status,
    now: datetime,
    actor: Actor,
    reason: str | None = None,
) -> list[Event]:
    """The move of a representation whose record is locked, and what is to be said of it beside the record's people."""
    if status == known.status:
        return []
    await representations.settle_representation(connection, known.id, status, now, reason)
    verb: LedgerAction = "end-representation" if status == "ended" else "represent"
    subject = known.representative_id
    events: list[Event] = [permitted_access(known.record_id, actor, verb, reason or status, subject=subject)]
    match status:
        case "validated":
            events += await told_of_representation(connection, keyrings, known)
        case "ended":
            if known.basis == "representative-of-minor":
                events += await settle_contact(connection, keyrings, known.record_id)
            else:
                events += await tell_holder(connection, keyrings, known.record_id, Note("representation-ended"))
            events += await tell_holder(connection, keyrings, subject, Note("representation-ended"))
    return events


async def _find(connection: Connection, record_id: UUID, id: UUID) -> Representation:
    for one in await representations.representations_of(connection, record_id):
        if one.id == id:
            return one
    raise RepresentationUnknownError


async def _party(connection: Connection, keyrings: Keyrings, asking: Caller, known: Representation) -> Party:
    if asking.kind == "administrator":
        asking.require("records.open")
        return "administrator"
    if await is_holder_of(connection, asking, known.representative_id):
        await check_session(connection, asking.session_id)
        return "self"
    relation = await check_relation(connection, keyrings, asking, known.record_id, "see-representatives")
    return "self" if asking.id == str(known.representative_id) else relation
