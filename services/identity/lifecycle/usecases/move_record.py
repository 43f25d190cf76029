"""Changes the state of a record, as closing, reopening and a death do.

In one transaction: locks the record's row, consults the table, stores the new state, announces it to the other services
and writes to the ledger. A refusal is written to the ledger too. A record already in the target state stays unchanged.
"""

from uuid import UUID

from services.identity.accounts.steps.check_session import check_session
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import LifecycleRules
from services.identity.lifecycle.steps import LifecycleRequest, apply_transition, count_refusal
from services.identity.people.domain.new_person import RecordUnknownError
from shared.messaging.outbox import append


async def move_record(storage: Storage, rules: LifecycleRules, record_id: UUID, request: LifecycleRequest) -> None:
    """Closes or reopens a record, or records a death. Raises SessionOverError, RecordUnknownError, and the refusals of
    the table."""
    async with storage.transaction() as work:
        await check_session(work.connection, request.session_id)
        record = await lifecycle.load_lifecycle_record(work.connection, record_id)
        if record is None:
            raise RecordUnknownError
        refusal, announcements = await apply_transition(work, rules, record, request)
        await append(work.connection, announcements)
    if refusal is not None:
        raise count_refusal(request, refusal)
