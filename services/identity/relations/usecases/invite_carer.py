"""Invites a person to care for the holder of a record, and sends them a code."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.accounts.steps.count_attempt import count_attempt
from services.identity.kit.announcements import announce
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import Contact, MessageContent, message_request
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals, notify_holder
from services.identity.people.store import records
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.domain.care import (
    MAX_CARERS,
    CareRelation,
    CarerSelfError,
    CarersManyError,
    InvitedPerson,
    invitation_code_hashes,
    new_invitation_code,
)
from services.identity.relations.steps.check_relation import check_relation
from services.identity.relations.store import care, representations
from shared.contracts.base import Event
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class CarerInvitation(RedactedRepr):
    """The invited person and the lifetime of the invitation. With `ins`, only that person can answer."""

    invited: InvitedPerson
    ins: Ins | None
    lifetime: timedelta


async def invite_carer(
    storage: Storage, lookups: Keyring, caller: Caller, record_id: UUID, invitation: CarerInvitation
) -> CareRelation:
    """Returns the invitation. It does not depend on whether the number has a record.

    Raises TooManyTriesError, RecordUnknownError, SessionOverError, RelationInsufficientError, CarersManyError,
    CarerSelfError.
    """
    async with logged_refusals(storage.pool, record_id, caller.actor(), "invite-carer"):
        async with storage.acquire() as work:
            await check_relation(work, caller, record_id, "invite-carer")
            await count_attempt(work.connection, _attempt_keys(lookups, record_id, invitation), "invite-carer")
        async with storage.transaction() as work:
            if not await representations.lock_records(work.connection, [record_id]):
                raise RecordUnknownError
            await check_session(work.connection, caller.session_id)
            new, code = await _invitation(work, lookups, record_id, invitation)
            await care.insert_care(work.connection, new)
            events: list[Event] = [permitted_access(record_id, caller.actor(), "invite-carer", "invited")]
            events += await _invitation_messages(work, new, code, invitation)
            await append(work.connection, [announce(event) for event in events])
    return new


def _attempt_keys(lookups: Keyring, record_id: UUID, invitation: CarerInvitation) -> list[str]:
    """Returns the keys that limit the invitations from one record, and those from all records to one person."""
    keys, mail = [f"invite:{record_id}"], invitation.invited.mail
    if mail is not None:
        keys.append(f"invited:{lookups.fingerprint('invited-mail', mail.casefold())}")
    elif invitation.ins is not None:
        keys.append(f"invited:{lookups.fingerprint('invited-ins', *ins_parts(invitation.ins))}")
    return keys


async def _invitation(
    work: UnitOfWork, lookups: Keyring, record_id: UUID, invitation: CarerInvitation
) -> tuple[CareRelation, str]:
    now, code = clock.now(), new_invitation_code()
    await _check_number(work.connection, record_id, now)
    fingerprint = None
    if invitation.ins is not None:
        fingerprint = work.keyrings.ins.fingerprint(*ins_parts(invitation.ins))
        if await _record_of(work, invitation.ins) == record_id:
            raise CarerSelfError
    id = clock.new_id(bucket_of(record_id))
    detail = seal_row(work.keyrings.persons, invitation.invited.as_json(), "care", id)
    hashed = invitation_code_hashes(lookups, code)[0]
    return CareRelation(
        id, record_id, None, fingerprint, hashed, detail, "pending", now, now + invitation.lifetime
    ), code


async def _check_number(connection: Connection, record_id: UUID, now: datetime) -> None:
    relations = await care.load_carers(connection, record_id)
    if sum(relation.status_at(now) in ("pending", "accepted") for relation in relations) >= MAX_CARERS:
        raise CarersManyError


async def _record_of(work: UnitOfWork, ins: Ins) -> UUID | None:
    return await records.find_record(work.connection, work.keyrings.ins.fingerprints(*ins_parts(ins)))


async def _invitation_messages(
    work: UnitOfWork, new: CareRelation, code: str, invitation: CarerInvitation
) -> list[Event]:
    """Returns the message to the stated address, else to the contact on file; none if both are missing.

    The contact on file is that of the person with the stated number.
    """
    content = MessageContent(
        "carer-invitation", {"code": code, "valid_until": new.expires_at.isoformat()}, new.expires_at
    )
    invited = invitation.invited
    if invited.mail is not None:
        contact = Contact(invited.mail, invited.language, "holder")
        return [message_request(work.keyrings.contacts, clock.new_id(), new.record_id, contact, content)]
    own_id = None if invitation.ins is None else await _record_of(work, invitation.ins)
    return [] if own_id is None else list(await notify_holder(work, own_id, content))
