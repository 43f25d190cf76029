"""Loads what the rules need about one document, and traces their decision: a part of every reading of a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.documents.store.contents import SealedDocument
from services.records.documents.store.summaries import load_summaries, load_summary
from services.records.facts.context import ReadContext
from services.records.facts.domain.citations import checked_combination
from services.records.facts.domain.decisions import ReadAction, RuleDecision, access_event
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import ABSENT_DOCUMENT, document_facts, request_facts
from services.records.facts.domain.rules import FactsRules
from services.records.kit.announcements import announce
from shared.access import Permit, Refusal, decide
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in
from shared.runtime.metrics import REFUSED

RuleAction = Literal["read", "find"]
"""The actions of the rules on one document: to read its content, or only its metadata."""
_LEDGER_ACTIONS: Final[Mapping[RuleAction, ReadAction]] = {"read": "read-document", "find": "find-documents"}


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
class DocumentRequest:
    """A caller's request for one document. `summary` is None if there is no such document; `cited`: the documents that
    a version of the summary sheet cites."""

    caller: Caller
    document_id: UUID
    record: RecordContext
    summary: DocumentSummary | None
    cited: Mapping[UUID, DocumentSummary]
    rules: FactsRules

    def decide(self, action: RuleAction) -> RuleDecision:
        """Lets the rules decide."""
        common = request_facts(self.caller, action, self.record, now=clock.now(), rules=self.rules)
        combination = ABSENT_DOCUMENT
        if self.summary is not None:
            combination = checked_combination(common, self.caller, self.record, self.summary, self.cited)
        facts = document_facts(common, self.caller, self.record, combination)
        return RuleDecision(facts, decide(facts))


async def load_request(
    context: ReadContext, connection: Connection, caller: Caller, document_id: UUID
) -> DocumentRequest:
    """Takes the fence of the document's record, and returns the request with all that the rules look at."""
    record_id = await reads.fence_by_document(connection, document_id)
    record = await reads.load_context(connection, context.matrices, record_id, bucket_in(document_id))
    summary = await load_summary(connection, document_id) if record_id is not None else None
    has_sources = summary is not None and summary.cites
    cited = await load_summaries(connection, summary.record_id, summary.cites or ()) if summary and has_sources else {}
    return DocumentRequest(caller, document_id, record, summary, cited, context.rules)


def open_view(
    context: ReadContext, permit: Permit, summary: DocumentSummary, sealed: SealedDocument, *, with_content: bool
) -> DocumentView:
    """Returns the document with its opened metadata, and its content where `with_content`."""
    key = context.vault.unwrap(summary.record_id, sealed.key)
    return DocumentView(
        summary,
        sealed_contents.open_metadata(key, summary.id, sealed.metadata),
        sealed_contents.open_content(key, summary.id, sealed.content) if with_content else None,
        permit.notices,
    )


async def trace_request(
    connection: Connection, request: DocumentRequest, action: RuleAction, rule_decision: RuleDecision
) -> None:
    """Announces the access to the ledger, and counts a refusal; called last in the transaction."""
    ledger_action = _LEDGER_ACTIONS[action]
    if isinstance(rule_decision.decision, Refusal):
        REFUSED.labels(ledger_action, rule_decision.decision.reason).inc()
    access = access_event(request.caller, ledger_action, rule_decision, request.record, request.document_id)
    if access is not None:
        await append(connection, [announce(access)])
