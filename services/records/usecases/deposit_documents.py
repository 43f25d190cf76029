"""A submission is kept safe, invisible until it is decided; the same submission again gets the same answer.

What consent cannot know is decided at the door: whether a document may take another's place, and what the person's side
may deposit. Consent decides the rest from the person's choices.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from uuid import UUID

from services.records.announcements import announce
from services.records.depositing import Depositing, Source
from services.records.domain.documents import KnownRecord
from services.records.domain.submissions import RecordUnknownError, UniqueIdTakenError, refusal_at_the_door
from services.records.judging import Judgement, judge_deposits
from services.records.store import deposits as store
from services.records.store.deposits import NewDeposit
from services.records.usecases.desk import Desk
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Seen
from shared.contracts.topics import IDENTITY_RECORDS
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError, TransientError
from shared.fhir.submission import Submission
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED

ATTEMPTS = 3
WORTH_A_THREAD = 1_000_000
"""Bytes of a request from which on sealing is done beside the event loop; 100 KB take half a millisecond."""


class DepositRacedError(TransientError):
    """The same identifiers were deposited and refused at the same moment, several times over."""

    code = "deposit-raced"


@dataclass(frozen=True, slots=True)
class Deposited:
    """A deposit that is safe: the ids of its documents in the order of the submission."""

    id: UUID
    document_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """The record: by the INS of the submission, or by the id in the address."""

    ins_hmac: Keyring
    record_id: UUID | None = None


class _SomeKnownError(Exception):
    """Identifiers of the submission stand for documents already; nothing of this attempt may stay."""


async def deposit_documents(
    desk: Desk, where: Where, who: Depositing, submission: Submission, body: bytes
) -> Deposited:
    """Raises RecordUnknownError, RecordClosedError, TraitsMismatchError, UniqueIdTakenError, ReplacedUnknownError;
    for the person's side SessionOverError, NotFoundError, ForbiddenError, UncheckableError."""
    async with desk.pool.acquire() as connection:
        if who.is_of_patient_side:
            await check_session(connection, who.caller.session_id)
        record = await _find(connection, where, who, submission)
        refusal = None if who.is_of_patient_side else refusal_at_the_door(where.ins_hmac, record, submission)
        if refusal is not None:
            await _trace_refusal(connection, who.caller, record, refusal)
            raise refusal
        key = desk.vault.unwrap(record.id, record.key)
        judgement = await judge_deposits(desk, connection, who, record, key, submission)
        source = Source(record, key, who, submission, body, judgement.replaced)
        deposit = await asyncio.to_thread(source.seal) if len(body) > WORTH_A_THREAD else source.seal()
        return await _kept_once(connection, source, deposit, judgement)


async def _find(connection: Connection, where: Where, who: Depositing, submission: Submission) -> KnownRecord:
    record = None
    if where.record_id is not None:
        record = await store.find_record_by_id(connection, where.record_id)
    elif submission.ins is not None:
        record = await store.find_record(connection, where.ins_hmac.fingerprints(*ins_parts(submission.ins)))
    if record is None:
        REFUSED.labels("deposit-document", RecordUnknownError.code).inc()
        raise NotFoundError if who.is_of_patient_side else RecordUnknownError
    return record


async def _kept_once(connection: Connection, source: Source, deposit: NewDeposit, judgement: Judgement) -> Deposited:
    """What was kept already is answered as then, whatever has changed since."""
    for _ in range(ATTEMPTS):
        if judgement.refusal is None and await _keep(connection, deposit, source, judgement.seen):
            return Deposited(deposit.id, tuple(one.id for one in deposit.documents))
        try:
            earlier = await _find_the_same(connection, deposit)
        except UniqueIdTakenError as taken:
            if judgement.refusal is None:
                await _trace_refusal(connection, source.who.caller, source.record, taken)
                raise
            earlier = None
        if earlier is not None:
            return earlier
        if judgement.refusal is not None:
            await _trace(connection, source, judgement, judgement.refusal)
            raise judgement.refusal
    raise DepositRacedError


async def _keep(connection: Connection, deposit: NewDeposit, source: Source, seen: Seen) -> bool:
    """All of it or nothing; False when identifiers stand for documents already.

    Raises RecordUnknownError when the record has vanished since it was found.
    """
    announcements = [
        announce(source.received(deposit, new, document, seen), occurred_at=deposit.received_at)
        for new, document in zip(deposit.documents, source.submission.documents, strict=True)
    ]
    try:
        async with _undoable(connection, deposit):
            kept = await store.insert_deposit(connection, deposit, announcements)
            if kept is None:
                REFUSED.labels("deposit-document", RecordUnknownError.code).inc()
                raise RecordUnknownError
            if kept < len(deposit.documents):
                raise _SomeKnownError
    except _SomeKnownError:
        return False
    return True


def _undoable(connection: Connection, deposit: NewDeposit) -> AbstractAsyncContextManager[object]:
    """A transaction where a part may have to be undone; the one document of most deposits is kept whole or not at all
    by its statement alone, without the round trips of BEGIN and COMMIT."""
    return connection.transaction() if len(deposit.documents) > 1 else nullcontext()


async def _find_the_same(connection: Connection, deposit: NewDeposit) -> Deposited | None:
    """The earlier deposit that said the same; None when what stood in the way was refused meanwhile.

    The whole set must be that of one earlier deposit. Raises UniqueIdTakenError when it is not.
    """
    unique_ids = [one.unique_id for one in deposit.documents]
    earlier = await store.find_earlier(connection, deposit.record_id, unique_ids)
    if not earlier:
        return None
    found = [earlier.get(unique_id) for unique_id in unique_ids]
    same = [e for e, new in zip(found, deposit.documents, strict=True) if e and e.fingerprint == new.fingerprint]
    places = {one.deposit_id for one in same}
    if len(same) == len(unique_ids) and len(places) == 1:
        [deposit_id] = places
        if await store.count_documents(connection, deposit_id) == len(same):
            return Deposited(deposit_id, tuple(one.id for one in same))
    raise UniqueIdTakenError


async def _trace(connection: Connection, source: Source, judgement: Judgement, refusal: ClientError) -> None:
    """What the rules refused, with what they saw; in a transaction of its own, before the answer."""
    if judgement.access is None:
        await _trace_refusal(connection, source.who.caller, source.record, refusal)
        return
    REFUSED.labels(judgement.access.action, judgement.access.reason).inc()
    async with connection.transaction():
        await append(connection, [announce(judgement.access)])


async def _trace_refusal(connection: Connection, caller: Caller, record: KnownRecord, refusal: ClientError) -> None:
    """The person can see who tried; in a transaction of its own, before the answer."""
    REFUSED.labels("deposit-document", refusal.code).inc()
    refused = AccessRecorded(
        record_id=record.id,
        actor=caller.actor(),
        action="deposit-document",
        outcome="refused",
        reason=refusal.code,
        seen={IDENTITY_RECORDS.name: record.version},
    )
    async with connection.transaction():
        await append(connection, [announce(refused)])
