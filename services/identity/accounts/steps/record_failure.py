"""Records a failed attempt in the access ledger, and notifies the holder of many failures."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from services.identity.accounts.domain.throttling import TooManyTriesError, holder_keys
from services.identity.accounts.store import throttles
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.steps import notify_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

UNKNOWN_ACTOR = Actor(kind="unknown", id="unknown")
NOTIFY_AGAIN_AFTER = timedelta(hours=24)
ACCOUNT_LOCKED = MessageContent("account-locked")
"""The notice after many failed attempts, which may be those of a stranger."""


async def record_failure(
    work: UnitOfWork,
    record_id: UUID | None,
    reason: str,
    keys: Sequence[str] = (),
    *,
    is_slowed: bool = False,
) -> None:
    """Counts the failure and appends it to the ledger of the record, if any. `is_slowed`: the next attempt at the
    account of `keys` must wait. Then, once a day, this also adds a summary entry (`too-many-tries`), which stands for
    all attempts refused while the account is slowed down, and notifies the holder (`account-locked`). Call it last in
    the transaction, because it appends to the outbox."""
    REFUSED.labels("sign-in", reason).inc()
    if record_id is None:
        return
    events: list[Event] = [_refusal_event(record_id, reason)]
    if is_slowed and await throttles.mark_notified(work.connection, holder_keys(keys), clock.now(), NOTIFY_AGAIN_AFTER):
        events.append(_refusal_event(record_id, TooManyTriesError.code))
        events += await notify_holder(work, record_id, ACCOUNT_LOCKED)
    await append(work.connection, [announce(event) for event in events])


def _refusal_event(record_id: UUID, reason: str) -> AccessRecorded:
    return AccessRecorded(record_id=record_id, actor=UNKNOWN_ACTOR, action="sign-in", outcome="refused", reason=reason)
