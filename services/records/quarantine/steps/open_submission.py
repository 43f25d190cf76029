"""Opens a kept request, and traces what is done with it."""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

from services.records.kit.announcements import announce
from services.records.kit.metrics import QUARANTINE_ACTS
from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.domain.requests import RefusedRequest, open_request
from services.records.quarantine.steps.keep_refused import organisation_key
from services.records.quarantine.store import persons
from services.records.quarantine.store.submissions import QuarantinedSubmission, find_submission
from services.records.tracking.steps.depositor import Depositor
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.erasure.erased_records import erased_among
from shared.errors import InvalidError, NotFoundError
from shared.messaging.outbox import append

Act = Literal["shown", "corrected", "resent", "dropped"]
ACTION: Final = "handle-quarantined"


class BodyNotKeptError(InvalidError):
    """Only the cause and the time of this submission are kept, not its content. Send it again from your system."""

    code = "body-not-kept"
    french = (
        "De cet envoi, seuls la cause et le moment sont conservés, pas le contenu. Renvoyez-le depuis votre système."
    )


async def required_submission(connection: Connection, depositor: Depositor, id: UUID) -> QuarantinedSubmission:
    """Returns a submission of the depositor's organisation. Raises NotFoundError."""
    submission = await find_submission(connection, depositor.owner, id)
    if submission is None:
        raise NotFoundError
    return submission


async def opened_request(
    connection: Connection, context: QuarantineContext, submission: QuarantinedSubmission
) -> RefusedRequest:
    """Returns a kept request. Raises BodyNotKeptError, SealBrokenError."""
    if submission.body is None:
        raise BodyNotKeptError
    key = await organisation_key(connection, context, submission.organisation_id)
    return await in_thread_if_large(len(submission.body), open_request, key, submission.id, submission.body)


async def records_of(connection: Connection, submission: QuarantinedSubmission) -> dict[UUID, int]:
    """Returns the ids and versions of the records that a submission is about. None of them is erased before this
    transaction ends. Raises NotFoundError where one is erased already."""
    records = await persons.select_records(connection, submission.id)
    if await erased_among(connection, records):
        raise NotFoundError
    return records


async def trace(
    connection: Connection, actor: Actor, submission: QuarantinedSubmission, act: Act, records: Mapping[UUID, int]
) -> None:
    """Records in the ledger what somebody does with a kept submission, for each record that it is about.

    Must be the last step of its transaction.
    """
    QUARANTINE_ACTS.labels(act).inc()
    entries = [
        AccessRecorded(
            record_id=record_id,
            actor=actor,
            action=ACTION,
            outcome="permitted",
            reason=act,
            subject_id=str(submission.id),
            seen={IDENTITY_RECORDS.name: version},
        )
        for record_id, version in records.items()
    ]
    await append(connection, [announce(entry) for entry in entries])
