"""Destroys a kept submission, as its organisation wishes."""

from uuid import UUID

from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.steps.open_submission import records_of, trace
from services.records.quarantine.store.submissions import delete_submission, find_submission
from services.records.tracking.steps.depositor import Depositor
from shared.db.pool import transaction
from shared.errors import NotFoundError


async def drop_quarantined(context: QuarantineContext, depositor: Depositor, id: UUID) -> None:
    """Destroys a submission of the depositor's organisation. Raises NotFoundError."""
    async with transaction(context.pool) as connection:
        submission = await find_submission(connection, depositor.owner, id)
        if submission is None:
            raise NotFoundError
        records = await records_of(connection, submission)
        await delete_submission(connection, depositor.owner, id)
        await trace(connection, depositor.caller.actor(), submission, "dropped", records)
