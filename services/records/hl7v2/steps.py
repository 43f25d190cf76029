"""Pieces of the use case of documents: finds the documents that a message names, and deletes them."""

from collections.abc import Sequence
from typing import Final

from services.records.copies.domain.copies import RecordCopy
from services.records.copies.store.records import find_record
from services.records.deposits.domain.submissions import RecordUnknownError, immediate_refusal
from services.records.deposits.steps.refusals import trace_refusal
from services.records.deposits.store.deposits import find_earlier
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.label_changes import TargetState
from services.records.documents.store.summaries import load_summary
from services.records.documents.usecases.change_document import change_document
from services.records.facts.domain.documents import DocumentSummary
from services.records.hl7v2.context import Hl7v2Context
from services.records.hl7v2.domain.faults import refused, try_later
from services.records.hl7v2.domain.transmission import Verb
from services.records.quarantine.domain.causes import TARGET_UNKNOWN
from shared.contracts.audit import Action
from shared.crypto.fingerprints import ins_parts
from shared.fhir.submission import Submission
from shared.hl7v2.acknowledgement import ApplicationCode
from shared.http.prefer import wait_for
from shared.http.tokens import Caller
from shared.runtime.metrics import REFUSED
from shared.values import Ins

_DOCUMENT: Final = "OBX^1^5"
_ACTIONS: Final[dict[Verb, Action]] = {
    Verb.NEW: "deposit-document",
    Verb.REPLACE: "replace-document",
    Verb.DELETE: "delete-document",
}
DECISION_WAIT_S: Final = 5.0
"""Seconds for which a message waits until the document that it replaces or deletes has been checked."""


async def find_record_of(context: Hl7v2Context, ins: Ins) -> RecordCopy | None:
    """Returns the record of the person with this INS."""
    async with context.read.pool.acquire() as connection:
        return await find_record(connection, context.ins_hmac.fingerprints(*ins_parts(ins)))


async def find_documents(
    context: Hl7v2Context, record: RecordCopy, unique_ids: Sequence[str]
) -> list[DocumentSummary | None]:
    """Returns the documents of the record with these identifiers, None for each that there is not."""
    key = context.read.vault.unwrap(record.id, record.key)
    digests = [sealed_contents.unique_id_digest(key, unique_id) for unique_id in unique_ids]
    async with context.read.pool.acquire() as connection:
        earlier = await find_earlier(connection, record.id, digests)
        return [await load_summary(connection, earlier[digest].id) if digest in earlier else None for digest in digests]


async def await_decisions(
    context: Hl7v2Context, record: RecordCopy, unique_ids: Sequence[str]
) -> list[DocumentSummary | None]:
    """Returns the documents once none of them is waiting for consent's decision.

    Raises MessageRefusedError (AR 207) where a decision takes longer: the sender sends the message again.
    """

    async def look() -> list[DocumentSummary | None]:
        return await find_documents(context, record, unique_ids)

    documents = await wait_for(look, _are_decided, DECISION_WAIT_S)
    if not _are_decided(documents):
        raise try_later()
    return documents


async def require_record(
    context: Hl7v2Context, caller: Caller, record: RecordCopy | None, submission: Submission, verb: Verb
) -> RecordCopy:
    """Returns the record if it can take the submission. Records a refusal, and raises RecordUnknownError,
    RecordClosedError, TraitsMismatchError."""
    if record is None:
        REFUSED.labels(_ACTIONS[verb], RecordUnknownError.code).inc()
        raise RecordUnknownError
    refusal = immediate_refusal(context.ins_hmac, record, submission)
    if refusal is not None:
        await trace_refused_verb(context, caller, record, verb, refusal.code)
        raise refusal
    return record


async def delete_documents(
    context: Hl7v2Context, caller: Caller, record: RecordCopy, unique_ids: Sequence[str]
) -> None:
    """Deletes documents of the caller's organisation; those that it has deleted already stay so.

    Raises MessageRefusedError (AE 900, 901) before anything is deleted, and the errors of change_document.
    """
    documents = await await_decisions(context, record, unique_ids)
    targets = []
    for document in documents:
        if document is None or document.life == "superseded":
            await trace_refused_verb(context, caller, record, Verb.DELETE, "not-published")
            raise refused(
                ApplicationCode.TARGET,
                "The document to delete is not here, or was replaced.",
                _DOCUMENT,
                TARGET_UNKNOWN,
            )
        if document.organisation_id != caller.organisation_id:
            await trace_refused_verb(context, caller, record, Verb.DELETE, "not-own-document")
            raise refused(ApplicationCode.AUTHOR, "Your organisation did not deposit this document.", _DOCUMENT)
        targets += [document.id] if document.life != "deleted" else []
    for target in targets:
        await change_document(context.read, caller, target, _deleted, expected_version=None)


async def trace_refused_verb(
    context: Hl7v2Context, caller: Caller, record: RecordCopy, verb: Verb, reason: str
) -> None:
    """Records a refused message, which the patient can see, before its acknowledgement."""
    async with context.read.pool.acquire() as connection:
        await trace_refusal(connection, caller, record, _ACTIONS[verb], reason)


def _deleted(summary: DocumentSummary) -> TargetState:
    return TargetState(summary.labels, archived=False, deleted=True)


def _are_decided(documents: Sequence[DocumentSummary | None]) -> bool:
    return all(document is None or document.status != "received" for document in documents)
