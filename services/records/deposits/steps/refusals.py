"""Records refusals that the patient can see."""

from services.records.copies.domain.copies import RecordCopy
from services.records.kit.announcements import announce
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime.metrics import REFUSED


async def trace_refusal(
    connection: Connection, caller: Caller, record: RecordCopy, action: Action, reason: str
) -> None:
    """Counts a refusal and records it in the ledger, in a transaction of its own, before it is answered."""
    REFUSED.labels(action, reason).inc()
    refused = AccessRecorded(
        record_id=record.id,
        actor=caller.actor(),
        action=action,
        outcome="refused",
        reason=reason,
        seen={IDENTITY_RECORDS.name: record.version},
    )
    async with connection.transaction():
        await append(connection, [announce(refused)])
