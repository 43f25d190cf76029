"""One document is asked for: fence, facts, decision, trace; only after the commit its bytes."""

from dataclasses import dataclass
from uuid import UUID

from services.records import sealing
from services.records.announcements import announce
from services.records.domain.documents import Head, Metadata
from services.records.domain.facts import ABSENT, combination_of, document_facts, record_facts
from services.records.domain.reading import ReadAction, access_of, require_permit
from services.records.held_records import retried_while_held
from services.records.store import reading as store
from services.records.usecases.desk import Desk
from shared.access import Permit, Refusal, decide
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in
from shared.runtime.metrics import REFUSED


@dataclass(frozen=True, slots=True)
class Opened:
    """A document that may be shown. `content` is None where only the metadata was asked for.

    `notices`: what the reader is to be told beside it.
    """

    head: Head
    metadata: Metadata
    content: bytes | None
    notices: tuple[str, ...]


@retried_while_held
async def read_document(desk: Desk, caller: Caller, document_id: UUID, *, with_content: bool) -> Opened:
    """Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with desk.pool.acquire() as connection:
        async with store.fenced(connection):
            decision, record_id, head = await _decide(desk, connection, caller, document_id, with_content)
        permit = require_permit(decision)
        if record_id is None or head is None:
            raise NotFoundError
        load = store.read_content if with_content else store.read_metadata
        sealed = await load(connection, permit, record_id, document_id)
    key = desk.vault.unwrap(record_id, sealed.key)
    return Opened(
        head,
        sealing.open_metadata(key, document_id, sealed.metadata),
        sealing.open_content(key, document_id, sealed.content) if with_content else None,
        permit.notices,
    )


async def _decide(
    desk: Desk, connection: Connection, caller: Caller, document_id: UUID, with_content: bool
) -> tuple[Permit | Refusal, UUID | None, Head | None]:
    record_id = await store.fence_by_document(connection, document_id)
    record = await store.load_facts(connection, desk.matrices, record_id, bucket_in(document_id))
    head = await store.load_head(connection, document_id) if record_id is not None else None
    common = record_facts(
        caller,
        "read" if with_content else "find",
        record,
        now=clock.now(),
        limit=desk.limit,
        parameters=desk.parameters,
    )
    asked = combination_of(head, caller) if head is not None else ABSENT
    facts = document_facts(common, caller, record, asked)
    decision = decide(facts)
    action: ReadAction = "read-document" if with_content else "find-documents"
    if isinstance(decision, Refusal):
        REFUSED.labels(action, decision.reason).inc()
    access = access_of(caller, action, (facts, decision), record, document_id)
    if access is not None:
        await append(connection, [announce(access)])
    return decision, record_id, head
