"""Writes down what became of messages, and announces those that are done with."""

from collections.abc import Sequence
from datetime import datetime

from services.notify.domain import TOO_LATE, Again, Delivered, DueAlert, Outcome, is_too_late, put_off
from services.notify.events import announce_handled, handled_at, status_of
from services.notify.store import alert_queue as store
from services.notify.store.alert_queue import Fate
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS

Result = tuple[DueAlert, Outcome]


async def settle_alerts(pool: Pool, results: Sequence[Result]) -> None:
    """In one transaction. A message settled by somebody else meanwhile is passed over."""
    if not results:
        return
    now = clock.now()
    judged = [(due, _end(due, outcome, now)) for due, outcome in results]
    async with transaction(pool) as connection:
        settled = await store.settle(connection, [_fate(due, end, now) for due, end in judged])
        announcements = []
        for due, end in judged:
            if due.alert.id in settled and not isinstance(end, Again):
                at = handled_at(end, now)
                STEP_SECONDS.labels("alerted").observe((at - due.alert.caused_at).total_seconds())
                announcements.append(announce_handled(due.alert, end, at))
        await append(connection, announcements)


def _end(due: DueAlert, outcome: Outcome, now: datetime) -> Outcome:
    return TOO_LATE if is_too_late(outcome, due.created_at, now) else outcome


def _fate(due: DueAlert, end: Outcome, now: datetime) -> Fate:
    if isinstance(end, Again):
        retry = put_off(end, due.attempts, now)
        return Fate(due.alert, "queued", retry.reason, retry.attempts, retry.due_at, None)
    status, reason = status_of(end)
    sent_with = end.sent_with if isinstance(end, Delivered) else None
    return Fate(due.alert, status, reason, due.attempts + 1, None, handled_at(end, now), sent_with)
