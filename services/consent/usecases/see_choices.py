"""A person, or who acts for them, looks at the choices: the present ones, their history, an earlier version.

Who acts for the person is named in the ledger for each look, and so is whoever is refused.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from services.consent.announcements import announce
from services.consent.domain.choices import PERSONS, Choices
from services.consent.domain.states import HistoryEntry, RecordNotReadyError, State
from services.consent.store import copies, states
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection, Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import ClientError, ForbiddenError, NotFoundError, UncheckableError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

T = TypeVar("T")


class ChoicesForbiddenError(ForbiddenError):
    """Only the patient's side can see the choices about a record."""

    french = "Seuls le patient et qui agit pour lui voient les choix d’un dossier."


@dataclass(frozen=True, slots=True)
class Look:
    """Whether somebody may look, by which code, and with which error where not. `is_known`: the record is here."""

    reason: str
    error: ClientError | None = None
    is_known: bool = True


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
    return await _look(pool, record_id, caller, limit, lambda connection: _state(connection, record_id))


async def see_history(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, *, before: int, count: int
) -> tuple[list[HistoryEntry], bool]:
    """What made the versions before this one, newest first, and whether there are more. Raises as above."""

    async def look(connection: Connection) -> list[HistoryEntry]:
        await _state(connection, record_id)
        return await states.list_history(connection, record_id, before, count + 1)

    found = await _look(pool, record_id, caller, limit, look)
    return found[:count], len(found) > count


async def see_version(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, version: int) -> Choices:
    """All that was chosen in one version. Raises as above."""

    async def look(connection: Connection) -> Choices:
        await _state(connection, record_id)
        found = await states.find_version(connection, record_id, version)
        if found is None:
            raise NotFoundError
        return found

    return await _look(pool, record_id, caller, limit, look)


async def refuse_kind(pool: Pool, record_id: UUID, caller: Caller) -> ClientError:
    """What a kind of asker that never sees choices is to be told; the ledger is told of it."""
    async with transaction(pool) as connection:
        is_known = await copies.find_about(connection, record_id) is not None
        look = Look("kind-not-permitted", ChoicesForbiddenError(), is_known)
        await _enter(connection, record_id, caller, look)
    return _refused(look)


async def _look(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, look: Callable[[Connection], Awaitable[T]]
) -> T:
    async with transaction(pool) as connection:
        answer = await _check(connection, record_id, caller, limit)
        found = [await look(connection)] if answer.error is None else []
        await _enter(connection, record_id, caller, answer)
    if not found:
        raise _refused(answer)
    return found[0]


async def _check(connection: Connection, record_id: UUID, caller: Caller, limit: timedelta) -> Look:
    about = await copies.find_about(connection, record_id)
    if caller.kind not in PERSONS:
        return Look("kind-not-permitted", ChoicesForbiddenError(), about is not None)
    own = caller.record_id == record_id
    if about is None:
        opening = own and not await erased_among(connection, [record_id])
        return Look("record-unknown", RecordNotReadyError() if opening else NotFoundError(), is_known=False)
    now = clock.now()
    if caller.kind != "patient" and own and not about.age.is_fresh(now, limit):
        return Look("copies-too-old", UncheckableError())
    relation = about.relation_of(caller.kind, caller.id, caller.record_id, record_id, now)
    if relation == "none":
        return Look("not-own-record", NotFoundError())
    if about.status == "deceased":
        return Look("holder-deceased", NotFoundError())
    if relation != "holder" and about.status != "open":
        return Look("record-closed", NotFoundError())
    return Look("own-record" if relation == "holder" else relation)


async def _enter(connection: Connection, record_id: UUID, caller: Caller, look: Look) -> None:
    """The holder's own looks are nobody's news; a record that is not here has no list to be shown in."""
    if not look.is_known or (look.error is None and caller.kind == "patient"):
        return
    access = AccessRecorded(
        record_id=record_id,
        actor=caller.actor(),
        action="see-choices",
        outcome="permitted" if look.error is None else "refused",
        reason=look.reason,
        mode=caller.mode,
        session_id=caller.session_id,
    )
    await append(connection, [announce(access)])


def _refused(look: Look) -> ClientError:
    REFUSED.labels("see-choices", look.reason).inc()
    return look.error or NotFoundError()


async def _state(connection: Connection, record_id: UUID) -> State:
    state = await states.find_state(connection, record_id)
    if state is None:
        raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
    return state
