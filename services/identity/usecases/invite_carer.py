"""Invites somebody to care for the holder of a record, and sends them a code."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.acting import permitted_access
from services.identity.domain.care import (
    MOST_CARERS,
    Care,
    CarerSelfError,
    CarersManyError,
    Invited,
    code_hashes,
    new_code,
)
from services.identity.domain.contacts import Note, message
from services.identity.domain.opening import Contact, RecordUnknownError
from services.identity.domain.sealing import Keyrings, seal_row
from services.identity.store import care, records, representations
from services.identity.usecases.check_relation import check_relation
from services.identity.usecases.check_session import check_session
from services.identity.usecases.take_try import count_attempt
from services.identity.usecases.tell_holder import tell_holder
from services.identity.usecases.telling_refusals import logged_refusals
from shared.contracts.base import Event
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.values import Ins, RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class Inviting(RedactedRepr):
    """Whom, and for how long the invitation stands. With a number only that person can answer it."""

    invited: Invited
    ins: Ins | None
    life: timedelta


async def invite_carer(
    pool: Pool, keyrings: Keyrings, lookups: Keyring, asking: Caller, record_id: UUID, inviting: Inviting
) -> Care:
    """The same answer whether the number has a record or not.

    Raises TooManyTriesError, RecordUnknownError, SessionOverError, RelationInsufficientError, CarersManyError,
    CarerSelfError.
    """
    async with logged_refusals(pool, record_id, asking.actor(), "invite-carer"):
        async with pool.acquire() as connection:
            await check_relation(connection, keyrings, asking, record_id, "invite-carer")
            await count_attempt(connection, _counted(lookups, record_id, inviting), "invite-carer")
        async with transaction(pool) as connection:
            if not await representations.lock_records(connection, [record_id]):
                raise RecordUnknownError
            await check_session(connection, asking.session_id)
            new, code = await _invitation(connection, keyrings, lookups, record_id, inviting)
            await care.insert_care(connection, new)
            events: list[Event] = [permitted_access(record_id, asking.actor(), "invite-carer", "invited")]
            events += await _sent(connection, keyrings, new, code, inviting)
            await append(connection, [announce(one) for one in events])
    return new


def _counted(lookups: Keyring, record_id: UUID, inviting: Inviting) -> list[str]:
    """What the record sends, and what all records send to one person, who may know none of them."""
    keys, mail = [f"invite:{record_id}"], inviting.invited.mail
    if mail is not None:
        keys.append(f"invited:{lookups.fingerprint('invited-mail', mail.strip().casefold())}")
    elif inviting.ins is not None:
        keys.append(f"invited:{lookups.fingerprint('invited-ins', *ins_parts(inviting.ins))}")
    return keys


async def _invitation(
    connection: Connection, keyrings: Keyrings, lookups: Keyring, record_id: UUID, inviting: Inviting
) -> tuple[Care, str]:
    now, code = clock.now(), new_code()
    await _check_number(connection, record_id, now)
    fingerprint = None
    if inviting.ins is not None:
        fingerprint = keyrings.ins.fingerprint(*ins_parts(inviting.ins))
        if await _record_of(connection, keyrings, inviting.ins) == record_id:
            raise CarerSelfError
    id = clock.new_id(bucket_of(record_id))
    detail = seal_row(keyrings.persons, inviting.invited.as_json(), "care", id)
    hashed = code_hashes(lookups, code)[0]
    return Care(id, record_id, None, fingerprint, hashed, detail, "pending", now, now + inviting.life), code


async def _check_number(connection: Connection, record_id: UUID, now: datetime) -> None:
    known = await care.carers_of(connection, record_id)
    if sum(one.status_at(now) in ("pending", "accepted") for one in known) >= MOST_CARERS:
        raise CarersManyError


async def _record_of(connection: Connection, keyrings: Keyrings, ins: Ins) -> UUID | None:
    return await records.find_record(connection, keyrings.ins.fingerprints(*ins_parts(ins)))


async def _sent(connection: Connection, keyrings: Keyrings, new: Care, code: str, inviting: Inviting) -> list[Event]:
    """To the stated address, else to the one on file of whoever has that number; else nobody is told."""
    note = Note("carer-invitation", {"code": code, "valid_until": new.expires_at.isoformat()}, new.expires_at)
    invited = inviting.invited
    if invited.mail is not None:
        told = Contact(invited.mail, invited.language, "holder")
        return [message(keyrings.contacts, clock.new_id(), new.record_id, told, note)]
    own_id = None if inviting.ins is None else await _record_of(connection, keyrings, inviting.ins)
    return [] if own_id is None else list(await tell_holder(connection, keyrings, own_id, note))
