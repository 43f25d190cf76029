"""Reads one document: decides and announces in one transaction under the fence, then loads the bytes."""

from uuid import UUID

from services.records.copies.store import reads as store
from services.records.documents.steps.document_requests import (
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
from shared.errors import NotFoundError
from shared.http.tokens import Caller


@retry_while_locked
async def read_document(context: ReadContext, caller: Caller, document_id: UUID, *, with_content: bool) -> DocumentView:
    """Returns the document if the rules permit. Raises NotFoundError, ForbiddenError, UncheckableError."""
    action: RuleAction = "read" if with_content else "find"
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            request = await load_request(context, connection, caller, document_id)
            rule_decision = request.decide(action)
            await trace_request(connection, request, action, rule_decision)
        permit, summary = require_permit(rule_decision.decision), request.summary
        if summary is None:
            raise NotFoundError
        load = contents.read_content if with_content else contents.read_metadata
        sealed = await load(connection, permit, summary.record_id, document_id)
    return open_view(context, permit, summary, sealed, with_content=with_content)
