"""One document is asked for: fence, facts, decision, trace; only after the commit its bytes."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.records import sealing
from services.records.domain.documents import Head, Metadata
from services.records.domain.reading import ReadAction, access_of, insisted, read_facts
from services.records.store import reading as store
from shared import clock
from shared.access import Permit, Refusal, decide_read
from shared.clock import bucket_in
from shared.db.pool import Connection, Pool
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append
from shared.vault import Vault


@dataclass(frozen=True, slots=True)
class Opened:
    """A document that may be shown. `content` is None where only the metadata was asked for."""

    head: Head
    metadata: Metadata
    content: bytes | None


async def read_document(
    pool: Pool, vault: Vault, caller: Caller, document_id: UUID, *, limit: timedelta, with_content: bool
) -> Opened:
    """Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with pool.acquire() as connection:
        async with store.fenced(connection):
            decision, record_id, head = await _decide(connection, caller, document_id, limit, with_content)
        permit = insisted(decision)
        if record_id is None or head is None:
            raise NotFoundError
        load = store.read_content if with_content else store.read_metadata
        sealed = await load(connection, permit, record_id, document_id)
    key = vault.unwrap(record_id, sealed.key)
    return Opened(
        head,
        sealing.open_metadata(key, document_id, sealed.metadata),
        sealing.open_content(key, document_id, sealed.content) if with_content else None,
    )


async def _decide(
    connection: Connection, caller: Caller, document_id: UUID, limit: timedelta, with_content: bool
) -> tuple[Permit | Refusal, UUID | None, Head | None]:
    record_id = await store.fence_by_document(connection, document_id)
    record = await store.load_facts(connection, record_id, caller.id, bucket_in(document_id))
    head = await store.load_head(connection, document_id) if record_id is not None else None
    fresh = record.age.is_fresh(clock.now(), limit)
    decision = decide_read(read_facts(caller, "read" if with_content else "find", record, head, fresh=fresh))
    action: ReadAction = "read-document" if with_content else "find-documents"
    if isinstance(decision, Refusal):
        REFUSED.labels(action, decision.reason).inc()
    access = access_of(caller, action, decision, record, document_id)
    if access is not None:
        await append(connection, [announce(access)])
    return decision, record_id, head
