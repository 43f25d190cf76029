"""Links two records of one person, or ends the link: the parts that both have in common.

In one transaction: locks both rows, applies the rules, stores both at their next version, announces both to the other
services and writes to the ledger. A refusal is written to the ledger of each existing record. A link already in the
requested state stays unchanged.
"""

from uuid import UUID

from services.identity.kit.announcements import announce
from services.identity.kit.transitions import TransitionRefusal
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.lifecycle import store as lifecycle
from services.identity.lifecycle.domain.lifecycle import decide
from services.identity.lifecycle.domain.links import SameRecordError, are_linked, link_refusal
from services.identity.lifecycle.steps import (
    LifecycleRequest,
    LinkReason,
    count_refusal,
    ledger_entry,
    set_linked_record,
)
from services.identity.lifecycle.store import LifecycleRecord
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append


async def change_link(storage: Storage, first_id: UUID, second_id: UUID, request: LifecycleRequest) -> None:
    """Applies `request.action`: link or unlink. Raises SameRecordError, RecordUnknownError, ForbiddenError,
    HolderDeceasedError, RecordLinkedError."""
    if first_id == second_id:
        raise count_refusal(request, SameRecordError())
    async with storage.transaction() as work:
        records = await lifecycle.lock_pair(work.connection, first_id, second_id)
        refusal = _refusal(records, request)
        if refusal is None:
            announcements = await _apply_change(work, records[0], records[1], request)
        else:
            announcements = [
                announce(ledger_entry(record.id, request, reason=refusal.code, is_refused=True)) for record in records
            ]
        await append(work.connection, announcements)
    if refusal is not None:
        raise count_refusal(request, refusal)


def _refusal(records: list[LifecycleRecord], request: LifecycleRequest) -> ClientError | None:
    if len(records) == 2:
        return link_refusal("link" if request.action == "link" else "unlink", records[0], records[1], request.party)
    decision = decide("none", request.action, request.party)
    assert isinstance(decision, TransitionRefusal), "what is not there cannot be linked"
    return decision.error()


async def _apply_change(
    work: UnitOfWork, first: LifecycleRecord, second: LifecycleRecord, request: LifecycleRequest
) -> list[Announcement]:
    is_linking = request.action == "link"
    if are_linked(first, second) == is_linking:
        return []
    reason: LinkReason = "linked" if is_linking else "unlinked"
    return [
        *await set_linked_record(work, first, second.id if is_linking else None, request, reason, second.id),
        *await set_linked_record(work, second, first.id if is_linking else None, request, reason, first.id),
    ]
