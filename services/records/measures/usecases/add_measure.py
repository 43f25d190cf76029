"""Enters a measure. One that is sent again is the same measure."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.copies.store.records import find_record_by_id
from services.records.facts.context import ReadContext
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.measures.domain.combinations import labels_of
from services.records.measures.domain.errors import TooManyMeasuresError
from services.records.measures.domain.measures import Measure
from services.records.measures.domain.sealed_measures import measure_digest, seal_measure
from services.records.measures.steps.entry_decision import decide_entry, depositor_kind, load_locked_record
from services.records.measures.store import entries
from services.records.measures.store.entries import NewVersion
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True)
class AddedMeasure:
    """The id of a measure, and whether it has just been entered rather than before."""

    id: UUID
    is_new: bool


@retry_while_locked
async def add_measure(
    context: ReadContext, caller: Caller, record_id: UUID, measure: Measure, *, masked: bool
) -> AddedMeasure:
    """Enters a checked measure, masked where the caller or the person's default choice wants it.

    Raises SessionOverError, NotFoundError, ForbiddenError, UncheckableError, RecordClosedError, TooManyMeasuresError.
    """
    kind = depositor_kind(caller)
    async with context.pool.acquire() as connection, reads.read_locked(connection):
        await check_session(connection, caller.session_id)
        record = await load_locked_record(context, connection, record_id)
        is_masked = masked or record.choices.mask_new_documents
        decision = decide_entry(context, caller, record, "add-measure", None, labels_of(masked=is_masked))
        added: AddedMeasure | ClientError | None = decision.refusal
        events = [] if decision.access is None else [announce(decision.access)]
        if added is None:
            new = NewVersion(
                record_id=record_id,
                id=clock.new_id(bucket_of(record_id)),
                version=1,
                code=measure.code,
                measured_on=measure.day,
                masked=is_masked,
                deposited_by=kind,
                depositor_id=caller.id,
                recorded_at=clock.now(),
                body=b"",
            )
            added = await _store(context, connection, record, new, measure)
        if isinstance(added, ClientError) or added.is_new:
            await append(connection, events)
    if isinstance(added, ClientError):
        raise added
    return added


async def _store(
    context: ReadContext, connection: Connection, record: RecordContext, new: NewVersion, measure: Measure
) -> AddedMeasure | ClientError:
    """Stores the measure, or finds the one that was sent before."""
    copy = None if record.id is None else await find_record_by_id(connection, record.id)
    if copy is None:
        return NotFoundError()
    key = context.vault.unwrap(copy.id, copy.key)
    digest = measure_digest(key, measure)
    if (sent := await entries.find_sent(connection, copy.bucket, copy.id, digest)) is not None:
        return AddedMeasure(sent, is_new=False)
    body = seal_measure(key, copy.id, new.id, new.version, measure)
    if await entries.insert_version(connection, replace(new, body=body, digest=digest)):
        return AddedMeasure(new.id, is_new=True)
    sent = await entries.find_sent(connection, copy.bucket, copy.id, digest)
    return TooManyMeasuresError() if sent is None else AddedMeasure(sent, is_new=False)
