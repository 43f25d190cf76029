"""Writes down what became of messages, and announces those that are done with."""

from collections.abc import Sequence
from datetime import datetime

from services.notify import store
from services.notify.domain import TRIED_FOR, Deferred, DueAlert, NotTried, Outcome, Refused, wait_after
from services.notify.events import alert_event, status_of
from services.notify.store import Fate
from shared import clock
from shared.db.pool import Pool, transaction
from shared.metrics import STEP_SECONDS
from shared.outbox import announce, append

Result = tuple[DueAlert, Outcome]
TOO_LATE = Refused("not-delivered-in-time")


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
            if due.alert.id in settled and not isinstance(end, Deferred | NotTried):
                STEP_SECONDS.labels("alerted").observe((now - due.alert.caused_at).total_seconds())
                announcements.append(announce(alert_event(due.alert, end, now), trace=due.alert.trace))
        await append(connection, announcements)


def _end(due: DueAlert, outcome: Outcome, now: datetime) -> Outcome:
    if isinstance(outcome, Deferred | NotTried) and now >= due.created_at + TRIED_FOR:
        return TOO_LATE
    return outcome


def _fate(due: DueAlert, end: Outcome, now: datetime) -> Fate:
    match end:
        case NotTried():
            return Fate(due.alert, "queued", None, due.attempts, now, None)
        case Deferred(reason):
            attempts = due.attempts + 1
            return Fate(due.alert, "queued", reason, attempts, now + wait_after(attempts), None)
        case _:
            status, why = status_of(end)
            return Fate(due.alert, status, why, due.attempts + 1, None, now)
