"""Writes down a try that was wrong: one entry in the ledger, and a word to the holder once many have come."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.contacts import MessageContent
from services.identity.domain.sealing import Keyrings
from services.identity.domain.throttling import TooManyTriesError, keys_of_holder
from services.identity.store import throttles
from services.identity.usecases.tell_holder import notify_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

SOMEBODY = Actor(kind="unknown", id="unknown")
TOLD_AGAIN_AFTER = timedelta(hours=24)
LOCKED = MessageContent("account-locked")
"""Somebody else may be trying."""


async def refuse_try(
    connection: Connection,
    keyrings: Keyrings,
    record_id: UUID | None,
    reason: str,
    keys: Sequence[str] = (),
    *,
    slowed: bool = False,
) -> None:
    """`slowed`: the next try at the account of `keys` waits. What is refused from then on is summed up in one entry a
    day, with one message (`account-locked`): ten thousand tries from as many addresses are not ten thousand entries.
    The last thing a transaction does."""
    REFUSED.labels("sign-in", reason).inc()
    if record_id is None:
        return
    told: list[Event] = [_refused(record_id, reason)]
    if slowed and await throttles.mark_told(connection, keys_of_holder(keys), clock.now(), TOLD_AGAIN_AFTER):
        told.append(_refused(record_id, TooManyTriesError.code))
        told += await notify_holder(connection, keyrings, record_id, LOCKED)
    await append(connection, [announce(one) for one in told])


def _refused(record_id: UUID, reason: str) -> AccessRecorded:
    return AccessRecorded(record_id=record_id, actor=SOMEBODY, action="sign-in", outcome="refused", reason=reason)
