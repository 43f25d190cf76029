"""Opens one document for a person: its content where it can be read on the page, else its metadata alone.

It stands in the ledger once: as a reading with the content, as a look at the metadata without. What the content is
stands in the sealed metadata, so they are opened within the transaction that decides, and only with a Permit.
"""

from collections.abc import Callable
from uuid import UUID

from services.records.copies.store import reads as store
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.documents.steps.document_requests import (
    DocumentRequest,
    DocumentView,
    RuleAction,
    load_request,
    open_view,
    trace_request,
)
from services.records.documents.store import contents
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from shared.access import Permit
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller


@retry_while_locked
async def open_document(
    context: ReadContext, caller: Caller, document_id: UUID, is_shown: Callable[[DocumentMetadata], bool]
) -> DocumentView:
    """Returns the document if the rules permit, with its content where `is_shown` says that the page shows it.

    Raises NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            request = await load_request(context, connection, caller, document_id)
            action = await _choose(context, connection, request, is_shown)
            rule_decision = request.decide(action)
            await trace_request(connection, request, action, rule_decision)
        permit, summary = require_permit(rule_decision.decision), request.summary
        if summary is None:
            raise NotFoundError
        load = contents.read_content if action == "read" else contents.read_metadata
        sealed = await load(connection, permit, summary.record_id, document_id)
    return open_view(context, permit, summary, sealed, with_content=action == "read")


async def _choose(
    context: ReadContext,
    connection: Connection,
    request: DocumentRequest,
    is_shown: Callable[[DocumentMetadata], bool],
) -> RuleAction:
    """Returns whether the content is read too."""
    permit, summary = request.decide("find").decision, request.summary
    if summary is None or not isinstance(permit, Permit):
        return "find"
    sealed = await contents.read_metadata(connection, permit, summary.record_id, request.document_id)
    key = context.vault.unwrap(summary.record_id, sealed.key)
    return "read" if is_shown(sealed_contents.open_metadata(key, request.document_id, sealed.metadata)) else "find"
