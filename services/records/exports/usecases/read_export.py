"""Shows how far the preparation of the caller's copy is."""

from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.exports.context import ExportContext
from services.records.exports.domain.exports import Export
from services.records.exports.steps.own_export import decide_own_export, require_own
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from shared.http.tokens import Caller


@retry_while_locked
async def read_export(context: ExportContext, caller: Caller, record_id: UUID) -> Export:
    """Returns the caller's copy of a record.

    The ledger gets a refusal alone: the counts say nothing that the entries of the copy's documents do not.
    Raises ExportUnknownError, NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.read.pool.acquire() as connection, read_locked(connection):
        decided, export = await decide_own_export(connection, context.read, caller, record_id)
    require_permit(decided.decision)
    return require_own(export)
