"""The invited person, signed in with their own account, accepts or refuses to be a carer."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.accounts.store import throttles
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.steps import load_holder, logged_refusals, notify_holder
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.care import (
    CareExistsError,
    CareRelation,
    InvitationOverError,
    InvitationUnknownError,
    decide,
    invitation_code_hashes,
    is_invited_person,
)
from services.identity.relations.steps.announce_people import announce_people
from services.identity.relations.store import care, representations
from shared.contracts.base import Event
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class InvitationAnswer:
    """An answer by the code received, or by the id of an invitation that names the person. `own_id`: the carer's
    record."""

    own_id: UUID
    accepts: bool
    code: str | None = None
    id: UUID | None = None


async def answer_invitation(
    storage: Storage, lookups: Keyring, caller: Caller, answer: InvitationAnswer
) -> tuple[CareRelation, int]:
    """Returns the relation after the answer, and the version of the record's people. Of several answers at once exactly
    one succeeds.

    Raises SessionOverError, ActivationCodeMalformedError, TooManyTriesError, InvitationUnknownError,
    InvitationOverError, CareExistsError.
    """
    keys = [f"invitation:{answer.own_id}"]
    async with storage.acquire() as work:
        await check_session(work.connection, caller.session_id)
        await count_attempt(work.connection, keys, "answer-invitation")
        invitation = await _find_invitation(work.connection, lookups, answer)
    record_id = None if invitation is None else invitation.record_id
    async with logged_refusals(storage.pool, record_id, caller.actor(), "answer-invitation"):
        if invitation is None:
            raise InvitationUnknownError
        async with storage.transaction() as work:
            await check_session(work.connection, caller.session_id)
            relation, version, events = await _apply_answer(work, invitation, answer)
            if events:
                ledger_event = permitted_access(
                    invitation.record_id, caller.actor(), "answer-invitation", relation.status, subject=answer.own_id
                )
                events = [*events, ledger_event]
            await throttles.reset_attempts(work.connection, keys, clock.now())
            await append(work.connection, [announce(event) for event in events])
    return relation, version


async def _find_invitation(connection: Connection, lookups: Keyring, answer: InvitationAnswer) -> CareRelation | None:
    if answer.code is not None:
        return await care.find_invitation_by_code(connection, invitation_code_hashes(lookups, answer.code))
    invitation = None if answer.id is None else await care.load_care(connection, answer.id)
    return invitation if invitation is not None and invitation.invited_fingerprint is not None else None


async def _apply_answer(
    work: UnitOfWork, invitation: CareRelation, answer: InvitationAnswer
) -> tuple[CareRelation, int, list[Event]]:
    now = clock.now()
    locked = await representations.lock_records(work.connection, [invitation.record_id, answer.own_id])
    relation = await care.load_care(work.connection, invitation.id)
    if relation is None or len(locked) < 2:
        raise InvitationUnknownError
    if not is_invited_person(work.keyrings, relation, await load_holder(work, answer.own_id)):
        raise InvitationUnknownError
    if relation.carer_id not in (None, answer.own_id):
        raise InvitationOverError
    status = relation.status_at(now)
    decision = decide(status, "accept" if answer.accepts else "refuse", "invited")
    if isinstance(decision, TransitionRefusal):
        raise decision.error()
    if decision.status == status:
        return relation, (await announce_people(work.connection, relation.record_id))[0], []
    if answer.accepts:
        await _check_not_yet_carer(work.connection, relation, answer.own_id)
    await care.settle_care(work.connection, relation.id, decision.status, now, answer.own_id)
    changed = replace(relation, status=decision.status, carer_id=answer.own_id, settled_at=now)
    version, events = await announce_people(work.connection, relation.record_id)
    notices = await notify_holder(work, relation.record_id, MessageContent("carer-answered"))
    return changed, version, [*events, *notices]


async def _check_not_yet_carer(connection: Connection, invitation: CareRelation, own_id: UUID) -> None:
    for relation in await care.load_carers(connection, invitation.record_id):
        if relation.carer_id == own_id and relation.status == "accepted":
            raise CareExistsError
