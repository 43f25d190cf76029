"""Lists the submissions that quarantine keeps for an organisation, and counts them by cause."""

from collections.abc import Sequence

from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.store import submissions
from services.records.quarantine.store.submissions import CauseCount, QuarantinedSubmission, Selection
from services.records.tracking.steps.depositor import Depositor


async def list_quarantine(
    context: QuarantineContext, depositor: Depositor, page: Selection
) -> Sequence[QuarantinedSubmission]:
    """Returns a page of the submissions of the depositor's organisation, the oldest first. Shows no content."""
    async with context.pool.acquire() as connection:
        return await submissions.list_submissions(connection, depositor.owner, page)


async def count_quarantine(context: QuarantineContext, depositor: Depositor) -> Sequence[CauseCount]:
    """Returns the number of submissions of each cause, the most frequent first."""
    async with context.pool.acquire() as connection:
        return await submissions.count_by_cause(connection, depositor.owner)
