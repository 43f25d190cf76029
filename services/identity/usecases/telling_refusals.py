"""What is refused in a record is told to its ledger, and counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.identity.announcements import announce
from services.identity.store import records
from shared.contracts.audit import AccessRecorded
from shared.contracts.audit import Action as LedgerAction
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED


@asynccontextmanager
async def telling_refusals(
    pool: Pool, record_id: UUID | None, actor: Actor, action: LedgerAction
) -> AsyncIterator[None]:
    """Around the transaction of an act: what it raises undoes it, is written down in one of its own, and goes on."""
    try:
        yield
    except ClientError as error:
        REFUSED.labels(action, error.code).inc()
        if record_id is not None:
            await _tell(pool, record_id, actor, action, error.code)
        raise


async def _tell(pool: Pool, record_id: UUID, actor: Actor, action: LedgerAction, reason: str) -> None:
    async with transaction(pool) as connection:
        if await records.load_record(connection, record_id) is not None:
            refused = AccessRecorded(record_id=record_id, actor=actor, action=action, outcome="refused", reason=reason)
            await append(connection, [announce(refused)])
