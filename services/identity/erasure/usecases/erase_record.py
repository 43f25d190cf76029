"""Erases a record at the end of its retention, or on a decision under the GDPR (article 17).

One transaction destroys everything that identity holds about the record, adds the person to the suppression list as a
keyed hash, and announces the erasure. Erasing a record again returns the existing erasure.
"""

from uuid import UUID

from services.identity.erasure import store as erasures
from services.identity.erasure.steps import ErasureRequest, _apply_erasure, _lock_record
from services.identity.erasure.store import Erasure
from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage
from services.identity.lifecycle.domain.lifecycle import LifecycleRules, RetentionRunningError, decide
from services.identity.lifecycle.steps import count_refusal, ledger_entry
from services.identity.lifecycle.store import LifecycleRecord
from shared.erasure import erased_records
from shared.errors import ClientError
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def erase_record(storage: Storage, rules: LifecycleRules, record_id: UUID, request: ErasureRequest) -> Erasure:
    """Returns the erasure. Raises RecordUnknownError, FingerprintUnknownError, and the refusals of the table."""
    async with storage.transaction() as work:
        await erased_records.hold(work.connection, [record_id])
        earlier = await erasures.find_erasure(work.connection, record_id)
        if earlier is not None:
            return earlier
        record, *other = await _lock_record(work, record_id)
        refusal = _refusal(record, rules, request)
        if refusal is None:
            erasure = Erasure(clock.new_id(bucket_of(record_id)), record_id, request.reason, request.now)
            await append(work.connection, await _apply_erasure(work, record, other, erasure, request))
        else:
            refusal_entry = ledger_entry(record_id, request.lifecycle_request, reason=refusal.code, is_refused=True)
            await append(work.connection, [announce(refusal_entry)])
    if refusal is not None:
        raise count_refusal(request.lifecycle_request, refusal)
    return erasure


def _refusal(record: LifecycleRecord, rules: LifecycleRules, request: ErasureRequest) -> ClientError | None:
    decision = decide(record.state, "erase", request.lifecycle_request.party)
    if isinstance(decision, TransitionRefusal):
        return decision.error()
    over = record.closed_at is not None and rules.is_over(record.closed_at, request.now)
    return RetentionRunningError() if request.reason == "retention-over" and not over else None
