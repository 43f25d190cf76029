"""What the doors of deposits share: whose deposit it is, the refusals counted, the answer once it is decided."""

import contextlib
from collections.abc import Iterator
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from services.records.kit.requests import caller_of, is_french
from services.records.tracking.api import progress_of
from services.records.tracking.models import DepositProgress
from services.records.tracking.steps.depositor import Depositor, depositor_of
from services.records.tracking.steps.outcomes import wait_for_outcome
from shared.db.pool import Pool
from shared.errors import ClientError, ForbiddenError, NotFoundError
from shared.http.prefer import seconds_to_wait
from shared.runtime.metrics import REFUSED


async def organisation_depositor(request: Request) -> Depositor:
    """Returns the caller as a depositor for an organisation. Raises ForbiddenError for the patient side."""
    depositor = depositor_of(await caller_of(request))
    if depositor.is_of_patient_side:
        raise ForbiddenError("Patients, their representatives and carers deposit by PUT /records/{id}/documents/{id}.")
    return depositor


@contextlib.contextmanager
def counted_refusals() -> Iterator[None]:
    """Counts the error with which reading a submission ends; `deposit_documents` counts its own."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels("deposit-document", error.code).inc()
        raise


async def progress_answer(
    request: Request, response: Response, pool: Pool, depositor: Depositor, deposit_id: UUID, prefer: str | None
) -> DepositProgress:
    """Returns the progress of a stored deposit, after the wait that the caller prefers, and sets its address."""
    tracked = await wait_for_outcome(pool, depositor.owner, deposit_id, seconds_to_wait(prefer))
    if tracked is None:
        raise NotFoundError
    response.headers["location"] = f"/deposits/{deposit_id}"
    return progress_of(tracked, french=is_french(request))
