"""Ends the care for the holder of a record, or withdraws an invitation: either side may."""

from dataclasses import replace
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.acting import permitted_access
from services.identity.domain.care import Care, CareUnknownError, Party, Refusal, decide
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.sealing import Keyrings
from services.identity.store import care, representations
from services.identity.usecases.announce_people import announce_people
from services.identity.usecases.check_relation import check_relation, is_holder_of
from services.identity.usecases.check_session import check_session
from services.identity.usecases.telling_refusals import logged_refusals
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def end_care(pool: Pool, keyrings: Keyrings, asking: Caller, record_id: UUID, id: UUID) -> tuple[Care, int]:
    """The relation as it is now, and the version of the record's people.

    Raises RecordUnknownError, SessionOverError, RelationInsufficientError, CareUnknownError.
    """
    actor, now = asking.actor(), clock.now()
    async with logged_refusals(pool, record_id, actor, "end-care"), transaction(pool) as connection:
        if not await representations.lock_records(connection, [record_id]):
            raise RecordUnknownError
        known = await care.load_care(connection, id)
        if known is not None and known.record_id != record_id:
            known = None
        party = await _party(connection, keyrings, asking, record_id, known)
        if known is None:
            raise CareUnknownError
        status = known.status_at(now)
        decided = decide(status, "end", party)
        if isinstance(decided, Refusal):
            raise decided.error()
        if decided.status != status:
            await care.settle_care(connection, known.id, decided.status, now)
        version, events = await announce_people(connection, record_id)
        if decided.status != status:
            events.append(permitted_access(record_id, actor, "end-care", decided.status, subject=known.carer_id))
        await append(connection, [announce(one) for one in events])
    return replace(known, status=decided.status), version


async def _party(
    connection: Connection, keyrings: Keyrings, asking: Caller, record_id: UUID, known: Care | None
) -> Party:
    if known is not None and known.carer_id is not None:
        acting = asking.kind == "carer" and asking.id == str(known.carer_id)
        if acting or await is_holder_of(connection, asking, known.carer_id):
            await check_session(connection, asking.session_id)
            return "invited"
    return await check_relation(connection, keyrings, asking, record_id, "end-care")
