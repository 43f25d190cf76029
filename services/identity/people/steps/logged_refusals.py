"""Records refusals in the access ledger of a record, and counts them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.people.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED


@asynccontextmanager
async def logged_refusals(
    pool: Pool, record_id: UUID | None, actor: Actor, action: LedgerAction
) -> AsyncIterator[None]:
    """Wraps the transaction of an act. A client error rolls it back, is recorded in a separate transaction, and is
    raised again."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels(action, error.code).inc()
        if record_id is not None:
            await _record_refusal(pool, record_id, actor, action, error.code)
        raise


async def _record_refusal(pool: Pool, record_id: UUID, actor: Actor, action: LedgerAction, reason: str) -> None:
    async with transaction(pool) as connection:
        if await records.load_record(connection, record_id) is not None:
            refused = AccessRecorded(record_id=record_id, actor=actor, action=action, outcome="refused", reason=reason)
            await append(connection, [announce(refused)])
