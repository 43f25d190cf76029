"""A person, or who acts for them, looks at the choices: the present ones, their history, an earlier version."""

from datetime import timedelta
from uuid import UUID

from services.consent.domain.choices import PERSONS, Choices
from services.consent.domain.states import HistoryEntry, RecordNotReadyError, State
from services.consent.store import copies, states
from shared import clock
from shared.db.pool import Connection, Pool
from shared.erasing import erased_among
from shared.errors import ForbiddenError, NotFoundError, UncheckableError
from shared.http.tokens import Caller


async def see_choices(pool: Pool, record_id: UUID) -> State:
    """The present state. Raises NotFoundError where the record was erased, RecordNotReadyError."""
    async with pool.acquire() as connection:
        return await _state(connection, record_id)


async def version_about(pool: Pool, record_id: UUID, subject_id: str | None) -> int:
    """The version in which something was chosen last of this professional or structure."""
    async with pool.acquire() as connection:
        return await states.find_version_about(connection, record_id, subject_id)


async def see_own_choices(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta) -> State:
    """The same for the person's side: another's record is answered like one that does not exist, and to who acts for
    the holder a closed one too. `limit`: how old the copies may be on which they act.

    Raises ForbiddenError, NotFoundError, RecordNotReadyError, UncheckableError.
    """
    async with pool.acquire() as connection:
        await _check(connection, record_id, caller, limit)
        return await _state(connection, record_id)


async def see_history(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, *, before: int, count: int
) -> tuple[list[HistoryEntry], bool]:
    """What made the versions before this one, newest first, and whether there are more. Raises as above."""
    async with pool.acquire() as connection:
        await _check(connection, record_id, caller, limit)
        await _state(connection, record_id)
        found = await states.list_history(connection, record_id, before, count + 1)
        return found[:count], len(found) > count


async def see_version(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, version: int) -> Choices:
    """All that was chosen in one version. Raises as above."""
    async with pool.acquire() as connection:
        await _check(connection, record_id, caller, limit)
        await _state(connection, record_id)
        found = await states.find_version(connection, record_id, version)
        if found is None:
            raise NotFoundError
        return found


async def _check(connection: Connection, record_id: UUID, caller: Caller, limit: timedelta) -> None:
    if caller.kind not in PERSONS:
        raise ForbiddenError("Only the patient's side can see the choices about a record.")
    about = await copies.find_about(connection, record_id)
    if about is None:
        own = caller.record_id == record_id
        if own and not await erased_among(connection, [record_id]):
            raise RecordNotReadyError
        raise NotFoundError
    now = clock.now()
    if caller.kind != "patient" and caller.record_id == record_id and not about.is_fresh(now, limit):
        raise UncheckableError
    relation = about.relation_of(caller.kind, caller.id, caller.record_id, record_id, now)
    if relation == "none" or (relation != "holder" and about.status != "open"):
        raise NotFoundError


async def _state(connection: Connection, record_id: UUID) -> State:
    state = await states.find_state(connection, record_id)
    if state is None:
        raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
    return state
