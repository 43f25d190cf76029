"""Stores a submission, whose documents are invisible until consent has decided.

Repeating a submission returns the result of the first. This use case decides what consent cannot know: whether a
document may replace another one, and what the patient side may deposit. Consent decides the rest from the patient's
choices.
"""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.records.copies.domain.copies import RecordCopy
from services.records.copies.store.records import find_record, find_record_by_id
from services.records.deposits.domain.submissions import RecordUnknownError, UniqueIdTakenError, immediate_refusal
from services.records.deposits.steps.deposit_builder import DepositBuilder, SignedSheet
from services.records.deposits.steps.refusals import trace_refusal
from services.records.deposits.steps.submission_checks import DepositCheck, check_deposit
from services.records.deposits.store import deposits as store
from services.records.deposits.store.deposits import NewDeposit
from services.records.facts.context import ReadContext
from services.records.kit.announcements import announce
from services.records.kit.threads import in_thread_if_large
from services.records.tracking.steps.depositor import Depositor
from services.records.tracking.steps.outcomes import wait_for_outcome
from shared.contracts.base import Seen
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError, TransientError
from shared.fhir.submission import Submission
from shared.http.admission import is_bulk
from shared.http.ended_sessions import check_session
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED

ATTEMPTS = 3
LONGEST_BULK_WAIT_S: Final = 5.0
"""While consent is away, a bulk deposit waits that long: a backlog goes on, slowly."""
_ACTION: Final = "deposit-document"


class DepositRacedError(TransientError):
    """The same identifiers were deposited and refused several times at the same moment. Send the deposit again."""

    code = "deposit-raced"


@dataclass(frozen=True, slots=True)
class AcceptedDeposit:
    """A stored deposit: its id, and the ids of its documents in the order of the submission."""

    id: UUID
    document_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class RecordLocator:
    """The identification of the record: the id in the URL, or else the INS of the submission."""

    ins_hmac: Keyring
    record_id: UUID | None = None


class _IdentifiersTakenError(Exception):
    """Some identifiers of the submission already belong to documents: this attempt must be rolled back."""


async def deposit_documents(  # each is a part of the deposit
    context: ReadContext,
    locator: RecordLocator,
    depositor: Depositor,
    submission: Submission,
    body: bytes,
    sheet: SignedSheet | None = None,
) -> AcceptedDeposit:
    """Stores a submission, or finds the earlier one that is identical. `sheet`: see DepositBuilder.

    A bulk deposit keeps its place until its documents are published or refused, so that what a backlog has in the
    pipeline, and what others wait behind, stays short.

    Raises RecordUnknownError, RecordClosedError, TraitsMismatchError, UniqueIdTakenError, ReplacedUnknownError; for the
    patient side SessionOverError, NotFoundError, ForbiddenError, UncheckableError.
    """
    deposit = await _deposit(context, locator, depositor, submission, body, sheet)
    if is_bulk():
        await wait_for_outcome(context.pool, depositor.owner, deposit.id, LONGEST_BULK_WAIT_S)
    return deposit


async def _deposit(  # as `deposit_documents`
    context: ReadContext,
    locator: RecordLocator,
    depositor: Depositor,
    submission: Submission,
    body: bytes,
    sheet: SignedSheet | None,
) -> AcceptedDeposit:
    async with context.pool.acquire() as connection:
        if depositor.is_of_patient_side:
            await check_session(connection, depositor.caller.session_id)
        record = await _find(connection, locator, depositor, submission)
        refusal = None if depositor.is_of_patient_side else immediate_refusal(locator.ins_hmac, record, submission)
        if refusal is not None:
            await trace_refusal(connection, depositor.caller, record, _ACTION, refusal.code)
            raise refusal
        key = context.vault.unwrap(record.id, record.key)
        check = await check_deposit(context, connection, depositor, record, key, submission)
        builder = DepositBuilder(record, key, depositor, submission, body, check.replaced, sheet)
        deposit = await in_thread_if_large(_bytes_to_seal(builder), builder.sealed_deposit)
        return await _store_once(connection, builder, deposit, check)


def _bytes_to_seal(builder: DepositBuilder) -> int:
    """Returns the size of the request, or of the contents where they are larger, as those of an archive are."""
    return max(len(builder.body), sum(len(document.content) for document in builder.submission.documents))


async def _find(
    connection: Connection, locator: RecordLocator, depositor: Depositor, submission: Submission
) -> RecordCopy:
    record = None
    if locator.record_id is not None:
        record = await find_record_by_id(connection, locator.record_id)
    elif submission.ins is not None:
        record = await find_record(connection, locator.ins_hmac.fingerprints(*ins_parts(submission.ins)))
    if record is None:
        REFUSED.labels(_ACTION, RecordUnknownError.code).inc()
        raise NotFoundError if depositor.is_of_patient_side else RecordUnknownError
    return record


async def _store_once(
    connection: Connection, builder: DepositBuilder, deposit: NewDeposit, check: DepositCheck
) -> AcceptedDeposit:
    """Stores the deposit once: returns the stored one if there is one, whatever has changed since."""
    for _ in range(ATTEMPTS):
        if check.refusal is None and await _store(connection, deposit, builder, check.seen):
            return AcceptedDeposit(deposit.id, tuple(document.id for document in deposit.documents))
        try:
            earlier = await _find_identical_deposit(connection, deposit)
        except UniqueIdTakenError as error:
            if check.refusal is None:
                await trace_refusal(connection, builder.depositor.caller, builder.record, _ACTION, error.code)
                raise
            earlier = None
        if earlier is not None:
            return earlier
        if check.refusal is not None:
            await _trace(connection, builder, check, check.refusal)
            raise check.refusal
    raise DepositRacedError


async def _store(connection: Connection, deposit: NewDeposit, builder: DepositBuilder, seen: Seen) -> bool:
    """Stores the whole deposit or nothing; returns False when some identifiers already belong to documents.

    Raises RecordUnknownError when the record has been erased since it was found.
    """
    announcements = [
        announce(builder.received_event(deposit, new, document, seen), occurred_at=deposit.received_at)
        for new, document in zip(deposit.documents, builder.submission.documents, strict=True)
    ]
    try:
        async with _undoable(connection, deposit):
            inserted = await store.insert_deposit(connection, deposit, announcements)
            if inserted is None:
                REFUSED.labels(_ACTION, RecordUnknownError.code).inc()
                raise RecordUnknownError
            if inserted < len(deposit.documents):
                raise _IdentifiersTakenError
            await store.insert_sheets(connection, deposit)
    except _IdentifiersTakenError:
        return False
    return True


def _undoable(connection: Connection, deposit: NewDeposit) -> AbstractAsyncContextManager[object]:
    """Returns a transaction where a part may have to be rolled back, else a context that does nothing.

    A deposit of one document, as most are, needs none: its single statement is atomic, and saves two round trips.
    """
    is_single = len(deposit.documents) == 1 and deposit.documents[0].sheet is None
    return nullcontext() if is_single else connection.transaction()


async def _find_identical_deposit(connection: Connection, deposit: NewDeposit) -> AcceptedDeposit | None:
    """Returns the identical earlier deposit; None when the document with the identifier was refused meanwhile.

    All documents must belong to one earlier deposit; raises UniqueIdTakenError otherwise.
    """
    unique_ids = [document.unique_id for document in deposit.documents]
    earlier = await store.find_earlier(connection, deposit.record_id, unique_ids)
    if not earlier:
        return None
    candidates = [earlier.get(unique_id) for unique_id in unique_ids]
    identical = [
        candidate
        for candidate, new in zip(candidates, deposit.documents, strict=True)
        if candidate and candidate.fingerprint == new.fingerprint
    ]
    deposit_ids = {document.deposit_id for document in identical}
    if len(identical) == len(unique_ids) and len(deposit_ids) == 1:
        [deposit_id] = deposit_ids
        if await store.count_documents(connection, deposit_id) == len(identical):
            return AcceptedDeposit(deposit_id, tuple(document.id for document in identical))
    raise UniqueIdTakenError


async def _trace(connection: Connection, builder: DepositBuilder, check: DepositCheck, refusal: ClientError) -> None:
    """Records a refusal of the rules, with their facts, in a separate transaction before the response."""
    if check.access is None:
        await trace_refusal(connection, builder.depositor.caller, builder.record, _ACTION, refusal.code)
        return
    REFUSED.labels(check.access.action, check.access.reason).inc()
    async with connection.transaction():
        await append(connection, [announce(check.access)])
