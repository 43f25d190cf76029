"""Shows one kept submission to its organisation: its cause, and the fields of the envelope that can be corrected."""

from dataclasses import dataclass
from uuid import UUID

from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.steps.open_submission import opened_request, records_of, required_submission, trace
from services.records.quarantine.store.submissions import QuarantinedSubmission
from services.records.tracking.steps.depositor import Depositor
from shared.db.pool import transaction
from shared.values import RedactedRepr


@dataclass(frozen=True, slots=True, repr=False)
class ShownSubmission(RedactedRepr):
    """A submission with the present values of its correctable fields; none where only its code is kept."""

    submission: QuarantinedSubmission
    fields: dict[str, str]


async def show_quarantined(context: QuarantineContext, depositor: Depositor, id: UUID) -> ShownSubmission:
    """Returns a submission of the depositor's organisation, after the commit of the trace. Raises NotFoundError."""
    async with transaction(context.pool) as connection:
        submission = await required_submission(connection, depositor, id)
        if submission.body is None:
            return ShownSubmission(submission, {})
        records = await records_of(connection, submission)
        request = await opened_request(connection, context, submission)
        await trace(connection, depositor.caller.actor(), submission, "shown", records)
    stated_fields = context.doors[submission.door].stated_fields
    return ShownSubmission(submission, await in_thread_if_large(len(request.body), stated_fields, request.body))
