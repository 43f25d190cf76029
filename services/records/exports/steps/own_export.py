"""Finds the caller's copy of a record, as long as the rules permit one; without the right it is destroyed."""

from uuid import UUID

from services.records.exports import store
from services.records.exports.domain.exports import Export, ExportUnknownError
from services.records.exports.steps.decisions import ExportDecision, announce_export, decide_export
from services.records.facts.context import ReadContext
from shared.access import Permit, Refusal
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.runtime import clock


async def decide_own_export(
    connection: Connection, context: ReadContext, caller: Caller, record_id: UUID
) -> tuple[ExportDecision, Export | None]:
    """Returns the decision, and the caller's copy where it permits and there is one. A refusal is announced; one that
    lasts destroys the copy."""
    export = await store.find_export(connection, record_id, caller.id)
    decided = await decide_export(connection, context, caller, record_id, None if export is None else export.records)
    if isinstance(decided.decision, Permit):
        return decided, export if export is not None and export.expires_at > clock.now() else None
    await end_refused(connection, decided, export)
    return decided, None


async def end_refused(connection: Connection, decided: ExportDecision, export: Export | None) -> None:
    """Announces a refusal, last in a transaction; destroys the copy unless the rules may permit it a little later."""
    assert isinstance(decided.decision, Refusal)
    if export is not None and not decided.decision.retry:
        await store.delete_export(connection, export.id, export.record_id)
    await announce_export(connection, decided)


def require_own(export: Export | None) -> Export:
    """Returns the copy. Raises ExportUnknownError."""
    if export is None:
        raise ExportUnknownError
    return export
