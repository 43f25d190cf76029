"""Deletes the caller's copy, prepared or not."""

from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.exports import store
from services.records.exports.context import ExportContext
from services.records.exports.steps.own_export import decide_own_export, require_own
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from shared.http.tokens import Caller


@retry_while_locked
async def delete_export(context: ExportContext, caller: Caller, record_id: UUID) -> None:
    """Deletes the caller's copy of a record; a download that has begun ends incomplete.

    Raises ExportUnknownError, NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.read.pool.acquire() as connection, read_locked(connection):
        decided, export = await decide_own_export(connection, context.read, caller, record_id)
        if export is not None:
            await store.delete_export(connection, export.id, record_id)
    require_permit(decided.decision)
    require_own(export)
