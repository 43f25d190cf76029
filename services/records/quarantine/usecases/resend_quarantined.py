"""Sends a kept submission again: the whole pipeline of its door, with the rights that the caller has now."""

from typing import ClassVar
from uuid import UUID

from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.steps.keep_refused import find_subjects, keep_again, stated_persons
from services.records.quarantine.steps.open_submission import opened_request, records_of, required_submission, trace
from services.records.quarantine.store.submissions import delete_submission
from services.records.tracking.steps.depositor import Depositor
from shared.db.pool import transaction
from shared.errors import TRY_LATER, ClientError, InvalidError
from shared.fhir.submission import InvalidSubmissionError


class RefusedAgainError(InvalidError):
    """The submission was refused again. Its new cause says what to do."""

    code: ClassVar[str] = "refused-again"
    french = "L’envoi a été refusé à nouveau. La nouvelle cause dit que faire."

    @classmethod
    def of(cls, cause: str, error: ClientError) -> "RefusedAgainError":
        """Returns the error that has the new cause as its code, and the words of the door as its message."""
        issues = error.issues if isinstance(error, InvalidSubmissionError) else ()
        refused = cls(" ".join(issue.diagnostics for issue in issues) or str(error))
        refused.code = cause  # type: ignore[misc]  # the code of this instance
        return refused


async def resend_quarantined(context: QuarantineContext, depositor: Depositor, id: UUID) -> None:
    """Sends a submission of the depositor's organisation again, and removes it when it is accepted.

    A refused one stays, with its new cause. Raises RefusedAgainError, the transient errors of the
    door, NotFoundError, BodyNotKeptError. A crash
    between acceptance and removal is harmless: the next time, the door finds the deposit that it has made.
    """
    async with transaction(context.pool) as connection:
        submission = await required_submission(connection, depositor, id)
        records = await records_of(connection, submission)
        request = await opened_request(connection, context, submission)
        await trace(connection, depositor.caller.actor(), submission, "resent", records)
    door = context.doors[submission.door]
    try:
        await door.resend(depositor.caller, request)
    except TRY_LATER:
        raise
    except ClientError as error:
        cause = door.cause_of(error) or error.code
        stated = await stated_persons(door, request)
        async with transaction(context.pool) as connection:
            subjects = await find_subjects(connection, context, stated)
            await keep_again(connection, context, submission, request, cause, subjects)
        raise RefusedAgainError.of(cause, error) from error
    async with transaction(context.pool) as connection:
        await delete_submission(connection, depositor.owner, id)
