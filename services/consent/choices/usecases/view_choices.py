"""Shows the choices to the patient side: the current ones, their history, an earlier version.

Views by representatives and carers and all refusals are announced to the ledger.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from services.consent.choices.domain.choices import Choices
from services.consent.choices.domain.states import ConsentState, HistoryEntry, RecordNotReadyError
from services.consent.choices.store import states
from services.consent.copies import store as copies
from services.consent.copies.domain import RecordContext
from services.consent.kit.announcements import announce
from shared.access.facts import PATIENT_SIDE
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

    french = "Seules la personne titulaire et celles qui agissent pour elle voient les choix d’un dossier."


@dataclass(frozen=True, slots=True)
class ViewPermit:
    """The caller may view the choices. `reason`: `own-record`, or the caller's relation to the patient."""

    reason: str


@dataclass(frozen=True, slots=True)
class ViewRefusal:
    """The caller may not view the choices. `has_record`: consent has the record, so its ledger gets the refusal."""

    reason: str
    error: ClientError
    has_record: bool = True


ViewOutcome: TypeAlias = ViewPermit | ViewRefusal


class HistoryPage(NamedTuple):
    """Changes, newest first, and whether there are older ones."""

    entries: list[HistoryEntry]
    has_more: bool


async def find_choices(pool: Pool, record_id: UUID) -> ConsentState:
    """Returns the current state. Raises RecordNotReadyError, and NotFoundError if the record was erased."""
    async with pool.acquire() as connection:
        return await _find_state(connection, record_id)


async def find_latest_version_about(pool: Pool, record_id: UUID, subject_id: str | None) -> int:
    """Returns the version that last changed something about this professional or structure."""
    async with pool.acquire() as connection:
        return await states.find_latest_version_about(connection, record_id, subject_id)


async def view_choices(pool: Pool, record_id: UUID, caller: Caller, max_age: timedelta) -> ConsentState:
    """Returns the current state for the patient side.

    `limit`: the greatest age of the copies on which somebody acts for the patient.

    Raises ForbiddenError for other kinds of callers; NotFoundError for another record, and for a closed one unless the
    patient asks; RecordNotReadyError, UncheckableError.
    """

    async def read_state(connection: Connection) -> ConsentState:
        return await _find_state(connection, record_id)

    return await _view(pool, record_id, caller, max_age, read_state)


async def view_history(
    pool: Pool, record_id: UUID, caller: Caller, max_age: timedelta, *, before: int, count: int
) -> HistoryPage:
    """Returns the changes that made the versions before this one, newest first. Raises like `view_choices`."""

    async def read_page(connection: Connection) -> HistoryPage:
        await _find_state(connection, record_id)
        entries = await states.list_history(connection, record_id, before, count + 1)
        return HistoryPage(entries[:count], has_more=len(entries) > count)

    return await _view(pool, record_id, caller, max_age, read_page)


async def view_version(pool: Pool, record_id: UUID, caller: Caller, max_age: timedelta, version: int) -> Choices:
    """Returns all choices of one version. Raises like `view_choices`, and NotFoundError if there is no such version."""

    async def read_version(connection: Connection) -> Choices:
        await _find_state(connection, record_id)
        choices = await states.find_version(connection, record_id, version)
        if choices is None:
            raise NotFoundError
        return choices

    return await _view(pool, record_id, caller, max_age, read_version)


async def record_refused_kind(pool: Pool, record_id: UUID, caller: Caller) -> ClientError:
    """Announces the refusal of a kind of caller that never sees choices; returns the error to raise."""
    async with transaction(pool) as connection:
        refusal = _refusal_of_kind(await copies.find_record_context(connection, record_id))
        await _announce_view(connection, record_id, caller, refusal)
    _count_refusal(refusal)
    return refusal.error


async def _view(
    pool: Pool, record_id: UUID, caller: Caller, max_age: timedelta, read: Callable[[Connection], Awaitable[T]]
) -> T:
    """Decides, reads and announces in one transaction, so that nothing is returned without its announcement."""
    async with transaction(pool) as connection:
        outcome = await _decide_view(connection, record_id, caller, max_age)
        if isinstance(outcome, ViewPermit):
            result = await read(connection)
            await _announce_view(connection, record_id, caller, outcome)
            return result
        await _announce_view(connection, record_id, caller, outcome)
    _count_refusal(outcome)
    raise outcome.error


async def _decide_view(connection: Connection, record_id: UUID, caller: Caller, max_age: timedelta) -> ViewOutcome:
    record = await copies.find_record_context(connection, record_id)
    if caller.kind not in PATIENT_SIDE:
        return _refusal_of_kind(record)
    if record is None:
        return await _refusal_of_unknown_record(connection, record_id, caller)
    now = clock.now()
    acts_for_patient = caller.kind != "patient" and caller.record_id == record_id
    if acts_for_patient and not record.age.is_fresh(now, max_age):
        return ViewRefusal("copies-too-old", UncheckableError())
    relation = record.relation_of(caller.kind, caller.id, caller.record_id, record_id, now)
    return _outcome_for(relation, record.status)


def _refusal_of_kind(record: RecordContext | None) -> ViewRefusal:
    return ViewRefusal("kind-not-permitted", ChoicesForbiddenError(), has_record=record is not None)


async def _refusal_of_unknown_record(connection: Connection, record_id: UUID, caller: Caller) -> ViewRefusal:
    """Returns the refusal for a record without choices.

    Only callers whose token was issued for the record learn that it is being opened.
    """
    is_being_opened = caller.record_id == record_id and not await erased_among(connection, [record_id])
    error = RecordNotReadyError() if is_being_opened else NotFoundError()
    return ViewRefusal("record-unknown", error, has_record=False)


def _outcome_for(relation: str, record_status: str) -> ViewOutcome:
    match relation, record_status:
        case "none", _:
            return ViewRefusal("not-own-record", NotFoundError())
        case _, "deceased":
            return ViewRefusal("holder-deceased", NotFoundError())
        case "holder", _:
            return ViewPermit("own-record")
        case _, "open":
            return ViewPermit(relation)
        case _:
            return ViewRefusal("record-closed", NotFoundError())


async def _announce_view(connection: Connection, record_id: UUID, caller: Caller, outcome: ViewOutcome) -> None:
    """Announces each view by a representative or carer, and each refusal about a record here, to the ledger."""
    is_announced = caller.kind != "patient" if isinstance(outcome, ViewPermit) else outcome.has_record
    if not is_announced:
        return
    access = AccessRecorded(
        record_id=record_id,
        actor=caller.actor(),
        action="see-choices",
        outcome="permitted" if isinstance(outcome, ViewPermit) else "refused",
        reason=outcome.reason,
        mode=caller.mode,
        session_id=caller.session_id,
    )
    await append(connection, [announce(access)])


def _count_refusal(refusal: ViewRefusal) -> None:
    REFUSED.labels("see-choices", refusal.reason).inc()


async def _find_state(connection: Connection, record_id: UUID) -> ConsentState:
    state = await states.find_state(connection, record_id)
    if state is None:
        raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
    return state
