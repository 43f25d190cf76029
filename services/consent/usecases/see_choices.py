"""The patient side reads the choices: the current ones, their history, an earlier version.

Views by representatives and carers and all refusals are announced to the ledger.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.consent.announcements import announce
from services.consent.domain.choices import PATIENT_SIDE, Choices
from services.consent.domain.states import ConsentState, HistoryEntry, RecordNotReadyError
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
class ViewOutcome:
    """The decision about a view: its reason code, and the error of a refusal. `is_known`: consent has the record."""

    reason: str
    error: ClientError | None = None
    is_known: bool = True


class HistoryPage(NamedTuple):
    """Changes, newest first, and whether there are older ones."""

    entries: list[HistoryEntry]
    has_more: bool


async def find_choices(pool: Pool, record_id: UUID) -> ConsentState:
    """Returns the current state. Raises RecordNotReadyError, and NotFoundError if the record was erased."""
    async with pool.acquire() as connection:
        return await _find_choices(connection, record_id)


async def find_latest_version_about(pool: Pool, record_id: UUID, subject_id: str | None) -> int:
    """Returns the version that last changed something about this professional or structure."""
    async with pool.acquire() as connection:
        return await states.find_latest_version_about(connection, record_id, subject_id)


async def view_choices(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta) -> ConsentState:
    """Returns the current state for the patient side. `limit`: the greatest age of the copies on which somebody acts
    for the patient.

    Raises ForbiddenError for other kinds of callers; NotFoundError for another record, and for a closed one unless the
    patient asks; RecordNotReadyError, UncheckableError.
    """
    return await _view(pool, record_id, caller, limit, lambda connection: _find_choices(connection, record_id))


async def view_history(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, *, before: int, count: int
) -> HistoryPage:
    """Returns the changes that made the versions before this one, newest first. Raises like `view_choices`."""

    async def read(connection: Connection) -> list[HistoryEntry]:
        await _find_choices(connection, record_id)
        return await states.list_history(connection, record_id, before, count + 1)

    entries = await _view(pool, record_id, caller, limit, read)
    return HistoryPage(entries[:count], len(entries) > count)


async def view_version(pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, version: int) -> Choices:
    """Returns all choices of one version. Raises like `view_choices`, and NotFoundError if there is no such version."""

    async def read(connection: Connection) -> Choices:
        await _find_choices(connection, record_id)
        choices = await states.find_version(connection, record_id, version)
        if choices is None:
            raise NotFoundError
        return choices

    return await _view(pool, record_id, caller, limit, read)


async def record_refused_kind(pool: Pool, record_id: UUID, caller: Caller) -> ClientError:
    """Announces the refusal of a kind of caller that never sees choices; returns the error to raise."""
    async with transaction(pool) as connection:
        is_known = await copies.find_record_context(connection, record_id) is not None
        outcome = ViewOutcome("kind-not-permitted", ChoicesForbiddenError(), is_known)
        await _record_view(connection, record_id, caller, outcome)
    return _refusal_error(outcome)


async def _view(
    pool: Pool, record_id: UUID, caller: Caller, limit: timedelta, read: Callable[[Connection], Awaitable[T]]
) -> T:
    async with transaction(pool) as connection:
        outcome = await _check_caller(connection, record_id, caller, limit)
        results = [await read(connection)] if outcome.error is None else []
        await _record_view(connection, record_id, caller, outcome)
    if not results:
        raise _refusal_error(outcome)
    return results[0]


async def _check_caller(connection: Connection, record_id: UUID, caller: Caller, limit: timedelta) -> ViewOutcome:
    record = await copies.find_record_context(connection, record_id)
    if caller.kind not in PATIENT_SIDE:
        return ViewOutcome("kind-not-permitted", ChoicesForbiddenError(), record is not None)
    is_own_record = caller.record_id == record_id
    if record is None:
        is_being_opened = is_own_record and not await erased_among(connection, [record_id])
        return ViewOutcome(
            "record-unknown", RecordNotReadyError() if is_being_opened else NotFoundError(), is_known=False
        )
    now = clock.now()
    if caller.kind != "patient" and is_own_record and not record.age.is_fresh(now, limit):
        return ViewOutcome("copies-too-old", UncheckableError())
    relation = record.relation_of(caller.kind, caller.id, caller.record_id, record_id, now)
    if relation == "none":
        return ViewOutcome("not-own-record", NotFoundError())
    if record.status == "deceased":
        return ViewOutcome("holder-deceased", NotFoundError())
    if relation != "holder" and record.status != "open":
        return ViewOutcome("record-closed", NotFoundError())
    return ViewOutcome("own-record" if relation == "holder" else relation)


async def _record_view(connection: Connection, record_id: UUID, caller: Caller, outcome: ViewOutcome) -> None:
    """Views by the holder are not announced, nor those of a record that consent does not have."""
    if not outcome.is_known or (outcome.error is None and caller.kind == "patient"):
        return
    access = AccessRecorded(
        record_id=record_id,
        actor=caller.actor(),
        action="see-choices",
        outcome="permitted" if outcome.error is None else "refused",
        reason=outcome.reason,
        mode=caller.mode,
        session_id=caller.session_id,
    )
    await append(connection, [announce(access)])


def _refusal_error(outcome: ViewOutcome) -> ClientError:
    REFUSED.labels("see-choices", outcome.reason).inc()
    return outcome.error or NotFoundError()


async def _find_choices(connection: Connection, record_id: UUID) -> ConsentState:
    state = await states.find_state(connection, record_id)
    if state is None:
        raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
    return state
