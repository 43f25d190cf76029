"""Destroys a kept submission, as its organisation wishes."""

from uuid import UUID

from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.steps.open_submission import records_of, required_submission, trace
from services.records.quarantine.store.submissions import delete_submission
from services.records.tracking.steps.depositor import Depositor
from shared.db.pool import transaction


async def drop_quarantined(context: QuarantineContext, depositor: Depositor, id: UUID) -> None:
    """Destroys a submission of the depositor's organisation. Raises NotFoundError."""
    async with transaction(context.pool) as connection:
        submission = await required_submission(connection, depositor, id)
        records = await records_of(connection, submission)
        await delete_submission(connection, depositor.owner, id)
        await trace(connection, depositor.caller.actor(), submission, "dropped", records)
