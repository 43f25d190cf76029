"""Sends again what waited for the opening of its record: a loop of the worker."""

from datetime import timedelta
from typing import Final

from services.records.copies.store.clients import find_client
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.store import persons, submissions
from services.records.quarantine.store.submissions import QuarantinedSubmission
from services.records.quarantine.usecases.resend_quarantined import resend_quarantined
from services.records.tracking.steps.depositor import Depositor, depositor_of
from shared.errors import TRY_LATER, ClientError, ForbiddenError
from shared.http.tokens import Caller
from shared.runtime import clock

_AT_ONCE: Final = 8
"""A message may wait some seconds for a decision, and a loop must report progress every minute."""
_RETRY_AFTER: Final = timedelta(minutes=1)


async def resend_due(context: QuarantineContext) -> int:
    """Sends some due submissions again, each as the software that sent it, with the rights that it has now.

    Returns their number. What cannot be decided now is tried again a minute later; what is refused waits for its
    organisation, with its new cause.
    """
    async with context.pool.acquire() as connection:
        due = await submissions.list_due(connection, clock.now(), _AT_ONCE)
    for submission in due:
        try:
            await resend_quarantined(context, await _sender(context, submission), submission.id)
        except TRY_LATER:
            async with context.pool.acquire() as connection:
                await submissions.postpone(connection, submission.id, clock.now() + _RETRY_AFTER)
        except ClientError as error:
            async with context.pool.acquire() as connection:
                await submissions.stop_resending(connection, submission.id, error.code)
    return len(due)


async def mark_missed(context: QuarantineContext) -> None:
    """Marks what was being stored at the moment at which its record was opened."""
    async with context.pool.acquire() as connection:
        await persons.mark_missed(connection, clock.now())


async def _sender(context: QuarantineContext, submission: QuarantinedSubmission) -> Depositor:
    """Returns the software that sent a submission. Raises ForbiddenError where it may not deposit any more."""
    async with context.pool.acquire() as connection:
        client = await find_client(connection, submission.client_id)
    if client is None or not client.is_active or client.organisation_id != submission.organisation_id:
        raise ForbiddenError
    return depositor_of(
        Caller("software", client.client_id, client.client_id, client.scopes, organisation_id=client.organisation_id)
    )
