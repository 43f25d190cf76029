"""The invited person, signed in with their own account, accepts or refuses to be a carer."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.acting import permitted_access
from services.identity.domain.care import (
    Care,
    CareExistsError,
    InvitationOverError,
    InvitationUnknownError,
    Invited,
    Refusal,
    code_hashes,
    decide,
)
from services.identity.domain.contacts import Note
from services.identity.domain.opening import Person
from services.identity.domain.sealing import Keyrings, open_row
from services.identity.store import care, representations, throttles
from services.identity.usecases.announce_people import announce_people
from services.identity.usecases.check_session import check_session
from services.identity.usecases.load_holder import load_holder
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


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """By the code that was sent, or by the id of an invitation that names the person. `own_id`: the carer's record."""

    own_id: UUID
    accepts: bool
    code: str | None = None
    id: UUID | None = None


async def answer_invitation(
    pool: Pool, keyrings: Keyrings, lookups: Keyring, asking: Caller, answer: Answer
) -> tuple[Care, int]:
    """The relation as it is now, and the version of the record's people. Of several who answer exactly one does.

    Raises SessionOverError, ActivationCodeMalformedError, TooManyTriesError, InvitationUnknownError,
    InvitationOverError, CareExistsError.
    """
    keys = [f"invitation:{answer.own_id}"]
    async with pool.acquire() as connection:
        await check_session(connection, asking.session_id)
        await count_attempt(connection, keys, "answer-invitation")
        found = await _find(connection, lookups, answer)
    record_id = None if found is None else found.record_id
    async with logged_refusals(pool, record_id, asking.actor(), "answer-invitation"):
        if found is None:
            raise InvitationUnknownError
        async with transaction(pool) as connection:
            await check_session(connection, asking.session_id)
            settled, version, events = await _answer(connection, keyrings, found, answer)
            if events:
                told = permitted_access(
                    found.record_id, asking.actor(), "answer-invitation", settled.status, subject=answer.own_id
                )
                events = [*events, told]
            await throttles.reset_attempts(connection, keys, clock.now())
            await append(connection, [announce(one) for one in events])
    return settled, version


async def _find(connection: Connection, lookups: Keyring, answer: Answer) -> Care | None:
    if answer.code is not None:
        return await care.find_by_code(connection, code_hashes(lookups, answer.code))
    found = None if answer.id is None else await care.load_care(connection, answer.id)
    return found if found is not None and found.invited is not None else None


async def _answer(
    connection: Connection, keyrings: Keyrings, found: Care, answer: Answer
) -> tuple[Care, int, list[Event]]:
    now = clock.now()
    there = await representations.lock_records(connection, [found.record_id, answer.own_id])
    known = await care.load_care(connection, found.id)
    if known is None or len(there) < 2:
        raise InvitationUnknownError
    if not is_for(keyrings, known, await load_holder(connection, keyrings, answer.own_id)):
        raise InvitationUnknownError
    if known.carer_id not in (None, answer.own_id):
        raise InvitationOverError
    status = known.status_at(now)
    decided = decide(status, "accept" if answer.accepts else "refuse", "invited")
    if isinstance(decided, Refusal):
        raise decided.error()
    if decided.status == status:
        return known, (await announce_people(connection, known.record_id))[0], []
    if answer.accepts:
        await _check_not_yet(connection, known, answer.own_id)
    await care.settle_care(connection, known.id, decided.status, now, answer.own_id)
    settled = replace(known, status=decided.status, carer_id=answer.own_id, settled_at=now)
    version, events = await announce_people(connection, known.record_id)
    told = await tell_holder(connection, keyrings, known.record_id, Note("carer-answered"))
    return settled, version, [*events, *told]


async def _check_not_yet(connection: Connection, known: Care, own_id: UUID) -> None:
    for one in await care.carers_of(connection, known.record_id):
        if one.carer_id == own_id and one.status == "accepted":
            raise CareExistsError


def is_for(keyrings: Keyrings, known: Care, person: Person) -> bool:
    """Whether this person is whom the holder meant: the number, the names and the birth date, where they were given."""
    if known.invited is not None and known.invited not in keyrings.ins.fingerprints(*ins_parts(person.ins)):
        return False
    return Invited.from_json(open_row(keyrings.persons, known.detail, "care", known.id)).is_named(person)
