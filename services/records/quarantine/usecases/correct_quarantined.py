"""Corrects the envelope of a kept submission. Its documents stay as they are, and nothing is sent."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from services.records.quarantine.context import QuarantineContext
from services.records.quarantine.domain.corrections import checked_corrections
from services.records.quarantine.domain.requests import RefusedRequest
from services.records.quarantine.steps.keep_refused import find_subjects, organisation_key, sealed, stated_persons
from services.records.quarantine.steps.open_submission import opened_request, records_of, required_submission, trace
from services.records.quarantine.store import persons, submissions
from services.records.tracking.steps.depositor import Depositor
from shared.db.pool import transaction
from shared.errors import ConflictError
from shared.runtime import clock


async def correct_quarantined(
    context: QuarantineContext, depositor: Depositor, id: UUID, changes: Mapping[str, str]
) -> None:
    """Rewrites these fields of the envelope.

    Whom the submission stated before stays noted, so that an erasure still finds it. Raises NotFoundError,
    BodyNotKeptError, CorrectionInvalidError, NotCorrectableError, and ConflictError where somebody else changes it at
    the same moment.
    """
    async with transaction(context.pool) as connection:
        submission = await required_submission(connection, depositor, id)
        door = context.doors[submission.door]
        corrections = checked_corrections(changes, door.fields)
        request = await opened_request(connection, context, submission)
        body = await asyncio.to_thread(door.corrected, request.body, corrections)
        corrected = RefusedRequest(request.door, body, request.labels)
        key = await organisation_key(connection, context, depositor.owner)
        subjects = await find_subjects(connection, context, await stated_persons(door, corrected))
        records = await records_of(connection, submission)
        new_body = await sealed(key, id, corrected)
        if not await submissions.update_body(connection, submission, new_body, len(body), clock.now()):
            raise ConflictError
        await persons.insert_persons(connection, id, subjects.records)
        await trace(connection, depositor.caller.actor(), submission, "corrected", records)
