"""Begins a copy of a record for a person: one at a time for each person and record."""

from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.exports import store
from services.records.exports.context import ExportContext
from services.records.exports.domain.exports import KEPT, Export, ExportExistsError
from services.records.exports.steps.decisions import ExportDecision, announce_export, decide_export
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from shared.access import Permit
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.runtime import clock
from shared.runtime.clock import bucket_of


@retry_while_locked
async def start_export(context: ExportContext, caller: Caller, record_id: UUID) -> Export:
    """Returns the copy that was begun. One that failed, or whose day is over, makes room for it.

    Raises ExportExistsError, NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.read.pool.acquire() as connection, read_locked(connection):
        decided = await decide_export(connection, context.read, caller, record_id)
        is_permitted, export = isinstance(decided.decision, Permit), None
        if is_permitted:
            export = await _begin(connection, decided, record_id)
        if export is not None or not is_permitted:
            await announce_export(connection, decided)
    require_permit(decided.decision)
    if export is None:
        raise ExportExistsError
    return export


async def _begin(connection: Connection, decided: ExportDecision, record_id: UUID) -> Export | None:
    now, caller = clock.now(), decided.caller
    earlier = await store.find_export(connection, record_id, caller.id)
    if earlier is not None and (earlier.state == "failed" or earlier.expires_at <= now):
        await store.delete_export(connection, earlier.id, record_id)
    assert caller.record_id is not None, "the rules permit nobody who acts in no record"
    new = store.NewExport(
        id=clock.new_id(bucket_of(record_id)),
        record_id=record_id,
        records=decided.records,
        requester_id=caller.id,
        requester_kind=caller.kind,
        client_id=caller.client_id,
        acts_in=caller.record_id,
    )
    return await store.insert_export(connection, new, now, now + KEPT)
