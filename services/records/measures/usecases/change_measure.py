"""Corrects a measure, which becomes a new version of it, or deletes it with all its versions.

A deleted measure stays in the database until the record is erased, and nobody sees it any more, as with documents.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store import reads
from services.records.copies.store.records import find_record_by_id
from services.records.facts.context import ReadContext
from services.records.facts.domain.facts import ABSENT_DOCUMENT, FactCombination
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.measures.domain.combinations import combination_of_measure, labels_of
from services.records.measures.domain.errors import MeasureKindDiffersError, MeasureVersionDiffersError
from services.records.measures.domain.measures import Measure
from services.records.measures.domain.sealed_measures import seal_measure
from services.records.measures.steps.entry_decision import (
    EntryAction,
    EntryDecision,
    decide_entry,
    depositor_kind,
    load_locked_record,
)
from services.records.measures.store import entries
from services.records.measures.store.entries import CurrentVersion, NewVersion
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock

Write = Callable[[Connection, CurrentVersion], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class MeasureTarget:
    """The measure that a request changes. `expected_version`: the version in If-Match, None for any."""

    record_id: UUID
    id: UUID
    expected_version: int | None = None


async def correct_measure(
    context: ReadContext, caller: Caller, target: MeasureTarget, measure: Measure, *, masked: bool | None
) -> None:
    """Stores a checked measure as the next version. `masked` None: as before.

    Raises SessionOverError, NotFoundError, ForbiddenError, UncheckableError, RecordClosedError,
    MeasureVersionDiffersError, MeasureKindDiffersError.
    """
    kind = depositor_kind(caller)

    async def write(connection: Connection, current: CurrentVersion) -> None:
        if current.code != measure.code:
            raise MeasureKindDiffersError
        copy = await find_record_by_id(connection, current.record_id)
        if copy is None:
            raise NotFoundError
        key, version = context.vault.unwrap(copy.id, copy.key), current.version + 1
        new = NewVersion(
            record_id=copy.id,
            id=target.id,
            version=version,
            code=measure.code,
            measured_on=measure.day,
            masked=current.masked if masked is None else masked,
            deposited_by=kind,
            depositor_id=caller.id,
            recorded_at=clock.now(),
            body=seal_measure(key, copy.id, target.id, version, measure),
        )
        await entries.supersede(connection, target.id)
        await entries.insert_version(connection, new)

    await _change(context, caller, target, "correct-measure", write, masked)


async def delete_measure(context: ReadContext, caller: Caller, target: MeasureTarget) -> None:
    """Deletes a measure.

    Raises SessionOverError, NotFoundError, ForbiddenError, UncheckableError, RecordClosedError,
    MeasureVersionDiffersError.
    """
    depositor_kind(caller)

    async def write(connection: Connection, current: CurrentVersion) -> None:
        await entries.delete_versions(connection, target.id)

    await _change(context, caller, target, "delete-measure", write, None)


@retry_while_locked
async def _change(
    context: ReadContext,
    caller: Caller,
    target: MeasureTarget,
    action: EntryAction,
    write: Write,
    masked: bool | None,
) -> None:
    async with context.pool.acquire() as connection, reads.read_locked(connection):
        await check_session(connection, caller.session_id)
        record = await load_locked_record(context, connection, target.record_id)
        current = await entries.lock_current(connection, target.id)
        if current is not None and current.record_id != record.id:
            current = None
        labels = labels_of(masked=_is_masked(current, masked))
        decision = decide_entry(context, caller, record, action, _combination(current, caller), labels)
        if decision.refusal is None and current is not None:
            if target.expected_version not in (None, current.version):
                raise MeasureVersionDiffersError
            await write(connection, current)
        await _trace(connection, decision)
    if decision.refusal is not None:
        raise decision.refusal


def _is_masked(current: CurrentVersion | None, masked: bool | None) -> bool:
    return bool(masked) if masked is not None or current is None else current.masked


def _combination(current: CurrentVersion | None, caller: Caller) -> FactCombination:
    if current is None:
        return ABSENT_DOCUMENT
    is_own = caller.id == current.depositor_id
    return combination_of_measure("current", current.deposited_by, masked=current.masked, is_own=is_own)


async def _trace(connection: Connection, decision: EntryDecision) -> None:
    await append(connection, [] if decision.access is None else [announce(decision.access)])
