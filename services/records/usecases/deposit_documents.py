"""A submission is kept safe, invisible until it is decided; the same submission again gets the same answer."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from services.records import sealing
from services.records.domain.documents import KnownRecord, metadata_of
from services.records.domain.submissions import (
    RecordUnknownError,
    UniqueIdTakenError,
    as_code,
    professionals_of,
    refusal_at_the_door,
)
from services.records.store import deposits as store
from services.records.store.deposits import NewDeposit, NewDocument
from shared import clock
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentReceived
from shared.contracts.topics import IDENTITY_RECORDS
from shared.crypto import Keyring
from shared.db.pool import Connection, Pool
from shared.errors import ClientError, TransientError
from shared.fhir.submission import Submission, SubmittedDocument
from shared.fingerprints import ins_parts
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append
from shared.vault import Vault

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


@dataclass(frozen=True)
class DepositKeys:
    """The keys that a deposit needs: to find the record and compare traits, and to seal."""

    ins_hmac: Keyring
    vault: Vault


class _SomeKnownError(Exception):
    """Identifiers of the submission stand for documents already; nothing of this attempt may stay."""


async def deposit_documents(
    pool: Pool, keys: DepositKeys, caller: Caller, organisation_id: str, submission: Submission, body: bytes
) -> Deposited:
    """Raises RecordUnknownError, RecordClosedError, TraitsMismatchError, UniqueIdTakenError."""
    async with pool.acquire() as connection:
        record = await store.find_record(connection, keys.ins_hmac.fingerprints(*ins_parts(submission.ins)))
        if record is None:
            REFUSED.labels("deposit-document", RecordUnknownError.code).inc()
            raise RecordUnknownError
        refusal = refusal_at_the_door(keys.ins_hmac, record, submission)
        if refusal is not None:
            await _trace_refusal(connection, caller, record, refusal)
            raise refusal
        key = keys.vault.unwrap(record.id, record.key)
        source = _Source(record, key, caller.client_id, organisation_id, submission, body)
        deposit = await asyncio.to_thread(source.seal) if len(body) > WORTH_A_THREAD else source.seal()
        for _ in range(ATTEMPTS):
            if await _keep(connection, deposit, source):
                return Deposited(deposit.id, tuple(one.id for one in deposit.documents))
            try:
                earlier = await _find_the_same(connection, deposit)
            except UniqueIdTakenError as taken:
                await _trace_refusal(connection, caller, record, taken)
                raise
            if earlier is not None:
                return earlier
        raise DepositRacedError


@dataclass(frozen=True, slots=True)
class _Source:
    """What a deposit is made from."""

    record: KnownRecord
    key: bytes
    client_id: str
    organisation_id: str
    submission: Submission
    body: bytes

    def seal(self) -> NewDeposit:
        """The deposit, ready to be kept. Ids come after the moment, so that they never sort before it."""
        received_at = clock.now()
        bucket, deposit_id = self.record.bucket, clock.new_id(self.record.bucket)
        named = [(clock.new_id(bucket), document) for document in self.submission.documents]
        return NewDeposit(
            id=deposit_id,
            record_id=self.record.id,
            organisation_id=self.organisation_id,
            client_id=self.client_id,
            received_at=received_at,
            documents=tuple(self._seal_document(id, document) for id, document in named),
            request=sealing.seal_request(self.key, deposit_id, self.body, named),
        )

    def _seal_document(self, id: UUID, document: SubmittedDocument) -> NewDocument:
        return NewDocument(
            id=id,
            unique_id=sealing.unique_id_of(self.key, document.unique_id),
            fingerprint=sealing.fingerprint_of(self.key, document, self.organisation_id),
            type=document.type.code,
            class_code=document.type.class_code,
            section=document.type.section,
            labels=document.labels,
            author_ids=professionals_of(document),
            metadata=sealing.seal_metadata(self.key, id, metadata_of(document)),
            content=sealing.seal_content(self.key, id, document.content),
        )


async def _keep(connection: Connection, deposit: NewDeposit, source: _Source) -> bool:
    """All of it or nothing; False when identifiers stand for documents already.

    Raises RecordUnknownError when the record has vanished since it was found.
    """
    try:
        async with connection.transaction():
            kept = await store.insert_deposit(connection, deposit)
            if kept is None:
                REFUSED.labels("deposit-document", RecordUnknownError.code).inc()
                raise RecordUnknownError
            if kept < len(deposit.documents):
                raise _SomeKnownError
            await append(
                connection,
                [
                    announce(_received(deposit, new, document, source.record.version), occurred_at=deposit.received_at)
                    for new, document in zip(deposit.documents, source.submission.documents, strict=True)
                ],
            )
    except _SomeKnownError:
        return False
    return True


def _received(deposit: NewDeposit, new: NewDocument, document: SubmittedDocument, version: int) -> DocumentReceived:
    return DocumentReceived(
        record_id=deposit.record_id,
        document_id=new.id,
        deposit_id=deposit.id,
        organisation_id=deposit.organisation_id,
        seen={IDENTITY_RECORDS.name: version},
        client_id=deposit.client_id,
        author_id=next((code for one in professionals_of(document) if (code := as_code(one))), None),
        type=new.type,
        class_code=new.class_code,
        section=new.section,
        labels=new.labels,
        received_at=deposit.received_at,
    )


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
