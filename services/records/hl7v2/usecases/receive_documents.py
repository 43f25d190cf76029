"""Receives the documents of an ORU or MDM message: deposits, replaces or deletes them.

The checks run in the order in which their faults are acknowledged: 102, 103, 906 (the verb), 903 and 904 (PID against
the CDA), 901 (the sender's structure), then those of the pipeline that all doors share: 902, 904 (the record), 900 and
901 (the target).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from services.records.business_acknowledgements.steps import queue_acknowledgement
from services.records.copies.domain.copies import RecordCopy
from services.records.copies.store import reads
from services.records.deposits.domain.cda_submissions import CdaContent, submission_of_cdas
from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.usecases.deposit_documents import RecordLocator, deposit_documents
from services.records.hl7v2.context import Effect, Hl7v2Context
from services.records.hl7v2.domain.faults import MessageRefusedError, refused, wrong
from services.records.hl7v2.domain.form import MessageKind
from services.records.hl7v2.domain.patient import check_patient, required_ins, traits_of_message
from services.records.hl7v2.domain.transmission import (
    Instructions,
    SentDocument,
    Verb,
    check_tables,
    documents_of,
    identifier_fault,
    instructions_of,
    is_structure,
    structure_of,
    verb_of,
)
from services.records.hl7v2.steps import (
    await_decisions,
    delete_documents,
    find_record_of,
    require_record,
    trace_refused_verb,
)
from services.records.kit.metrics import NOT_FOR_DMP
from services.records.kit.threads import in_thread_if_large
from services.records.quarantine.domain.causes import TYPE_MISMATCH, TYPE_UNKNOWN
from services.records.tracking.steps.depositor import depositor_of
from shared.cda.errors import IncompleteHeaderError, NotCdaError
from shared.cda.summary import CdaSummary
from shared.cda.xml import check_xml
from shared.fhir.submission import InvalidSubmissionError, Submission
from shared.hl7v2.acknowledgement import ApplicationCode, ErrorCode
from shared.hl7v2.message import Message
from shared.http.tokens import Caller
from shared.terminology.documents import document_type
from shared.terminology.visibility import Visibility

_STRUCTURE: Final = "PRT-8.10 of the sender (PRT-4 SB) must be the organisation of the certificate."


@dataclass(frozen=True, slots=True)
class _ReadDocument:
    """A document with the summary of its header."""

    sent: SentDocument
    summary: CdaSummary
    unique_id: str


async def receive_documents(
    context: Hl7v2Context, sender: Caller, kind: MessageKind, message: Message, raw: bytes
) -> Effect | None:
    """Does what an ORU or MDM message asks for; returns the queueing of the business acknowledgement it asks for.

    Raises MessageRefusedError and the errors of the pipeline: those of submission_of_cdas, deposit_documents and
    change_document.
    """
    instructions = instructions_of(message)
    if not instructions.is_for_dmp:
        NOT_FOR_DMP.inc()
        return None
    deposit_id = await _act(context, sender, kind, message, instructions, raw)
    if not instructions.wants_reception:
        return None
    return partial(queue_acknowledgement, message=message, sender=sender, deposit_id=deposit_id)


async def _act(
    context: Hl7v2Context,
    sender: Caller,
    kind: MessageKind,
    message: Message,
    instructions: Instructions,
    raw: bytes,
) -> UUID | None:
    """Deposits, replaces or deletes; returns the id of the deposit, None for a deletion."""
    ins = required_ins(message)
    documents = await in_thread_if_large(len(raw), _read_documents, message, raw)
    check_tables(message)
    _check_types(documents)
    verb = verb_of(message, kind)
    check_patient(ins, traits_of_message(message), (document.summary for document in documents))
    if not is_structure(structure_of(message), sender.organisation_id or ""):
        raise refused(ApplicationCode.AUTHOR, _STRUCTURE, "PRT^1^8^1^10")
    depositor = depositor_of(sender)
    fault = _target_fault(message, documents, verb)
    needs_record = fault is not None or verb is not Verb.NEW or instructions.in_secret
    record = await find_record_of(context, ins) if needs_record else None
    submission = await _submission(context, record, documents, instructions, verb, raw)
    if verb is Verb.DELETE or fault is not None:
        record = await require_record(context, sender, record, submission, verb)
        if fault is not None:
            await trace_refused_verb(context, sender, record, verb, "not-published")
            raise fault
        await delete_documents(context, sender, record, [document.unique_id for document in documents])
        return None
    if verb is Verb.REPLACE and record is not None:
        await await_decisions(context, record, [document.summary.replaces or "" for document in documents])
    deposit = await deposit_documents(context.read, RecordLocator(context.ins_hmac), depositor, submission, raw)
    return deposit.id


def _read_documents(message: Message, raw: bytes) -> tuple[_ReadDocument, ...]:
    """Returns the documents with the summaries of their headers. Raises MessageRefusedError (AE 102) and
    InvalidCdaError."""
    documents = []
    for sent in documents_of(message, raw):
        summary = check_xml(sent.content)
        if summary is None:
            raise NotCdaError
        if summary.unique_id is None:
            raise IncompleteHeaderError("ClinicalDocument/id needs a root that is an OID or a UUID.")
        documents.append(_ReadDocument(sent, summary, summary.unique_id))
    return tuple(documents)


def _check_types(documents: Sequence[_ReadDocument]) -> None:
    """Raises MessageRefusedError (AE 103) for a type that the DMP does not take, or another one than the CDA's."""
    for document in documents:
        stated = document.summary.type
        if stated is None or document_type(stated.code, stated.system_oid) is None:
            raise wrong(
                ErrorCode.TABLE_VALUE, document.sent.place, "The type of the CDA is not in JDV_J66.", TYPE_UNKNOWN
            )
        if document.sent.type_code != stated.code:
            raise wrong(
                ErrorCode.TABLE_VALUE, document.sent.place, "OBX-3.1 is not the code of the CDA.", TYPE_MISMATCH
            )


def _target_fault(message: Message, documents: Sequence[_ReadDocument], verb: Verb) -> MessageRefusedError | None:
    """Returns the fault of a message that names no target, or another one than its CDA does (AE 900)."""
    for document in documents:
        if verb is Verb.REPLACE and document.summary.replaces is None:
            text = "The CDA of a replacement names what it replaces (relatedDocument RPLC)."
            return refused(ApplicationCode.TARGET, text, document.sent.place)
    first = documents[0]
    return identifier_fault(message, first.unique_id, first.summary.replaces, verb)


async def _submission(  # the parts of a message
    context: Hl7v2Context,
    record: RecordCopy | None,
    documents: Sequence[_ReadDocument],
    instructions: Instructions,
    verb: Verb,
    raw: bytes,
) -> Submission:
    """Returns the submission that all doors share. Raises UndepositableError and InvalidSubmissionError."""
    keeps_labels = verb is Verb.REPLACE and not instructions.may_change_labels
    labels = () if keeps_labels else await _labels(context, record, instructions)
    contents = [
        CdaContent(
            document.sent.content,
            labels,
            document.sent.span,
            document.summary,
            document.sent.place,
            replaces=verb is Verb.REPLACE,
            keeps_labels=keeps_labels,
        )
        for document in documents
    ]
    return await in_thread_if_large(len(raw), _checked, contents)


def _checked(contents: Sequence[CdaContent]) -> Submission:
    try:
        return check_contents(submission_of_cdas(contents))
    except InvalidSubmissionError as error:
        issue = error.issues[0]
        raise refused(ApplicationCode.OTHER, issue.diagnostics, issue.expression or "") from None


async def _labels(context: Hl7v2Context, record: RecordCopy | None, instructions: Instructions) -> tuple[str, ...]:
    """Returns the labels to set: in the secret connection of a minor, the document is hidden from representatives."""
    if not instructions.in_secret or record is None:
        return instructions.labels
    async with context.read.pool.acquire() as connection:
        context_of_record = await reads.load_context(connection, context.read.matrices, record.id, record.id.int)
    if not context_of_record.people.is_minor:
        return instructions.labels
    return tuple(sorted({*instructions.labels, Visibility.INVISIBLE_TO_REPRESENTATIVES.value}))
