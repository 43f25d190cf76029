"""Reads one document: decides and announces in one transaction under the fence, then loads the bytes."""

from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store import reads as store
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.documents.store import contents
from services.records.documents.store.summaries import load_summaries, load_summary
from services.records.facts.context import ReadContext
from services.records.facts.domain.citations import checked_combination
from services.records.facts.domain.decisions import ReadAction, RuleDecision, access_event, require_permit
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import ABSENT_DOCUMENT, document_facts, request_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from shared.access import Permit, Refusal, decide
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in
from shared.runtime.metrics import REFUSED


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document that the caller may see, and the notices for its reader.

    `content` is None where only the metadata was requested.
    """

    summary: DocumentSummary
    metadata: DocumentMetadata
    content: bytes | None
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _DecidedRead:
    """The decision on a read, and the document; None if there is no such document."""

    decision: Permit | Refusal
    summary: DocumentSummary | None


@retry_while_locked
async def read_document(context: ReadContext, caller: Caller, document_id: UUID, *, with_content: bool) -> DocumentView:
    """Returns the document if the rules permit. Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            decided = await _decide(context, connection, caller, document_id, with_content)
        permit, summary = require_permit(decided.decision), decided.summary
        if summary is None:
            raise NotFoundError
        load = contents.read_content if with_content else contents.read_metadata
        sealed = await load(connection, permit, summary.record_id, document_id)
    key = context.vault.unwrap(summary.record_id, sealed.key)
    return DocumentView(
        summary,
        sealed_contents.open_metadata(key, document_id, sealed.metadata),
        sealed_contents.open_content(key, document_id, sealed.content) if with_content else None,
        permit.notices,
    )


async def _decide(
    context: ReadContext, connection: Connection, caller: Caller, document_id: UUID, with_content: bool
) -> _DecidedRead:
    """Takes the fence, lets the rules decide, and records the access for the ledger."""
    record_id = await store.fence_by_document(connection, document_id)
    record = await store.load_context(connection, context.matrices, record_id, bucket_in(document_id))
    summary = await load_summary(connection, document_id) if record_id is not None else None
    common = request_facts(
        caller,
        "read" if with_content else "find",
        record,
        now=clock.now(),
        rules=context.rules,
    )
    combination = ABSENT_DOCUMENT
    if summary is not None:
        cited = await load_summaries(connection, summary.record_id, summary.cites) if summary.cites else {}
        combination = checked_combination(common, caller, record, summary, cited)
    facts = document_facts(common, caller, record, combination)
    decision = decide(facts)
    action: ReadAction = "read-document" if with_content else "find-documents"
    if isinstance(decision, Refusal):
        REFUSED.labels(action, decision.reason).inc()
    access = access_event(caller, action, RuleDecision(facts, decision), record, document_id)
    if access is not None:
        await append(connection, [announce(access)])
    return _DecidedRead(decision, summary)
