"""Stores the outcomes of attempts to deliver alerts, and announces the alerts that have ended."""

from collections.abc import Sequence
from datetime import datetime

from services.notify.alerts.domain.alerts import AlertAttemptOutcome, DueAlert, handled_at, status_of
from services.notify.alerts.steps.decide_alerts import announce_handled
from services.notify.alerts.store import alert_queue as store
from services.notify.alerts.store.alert_queue import AlertDeliveryOutcome
from services.notify.delivery.domain import (
    NOT_DELIVERED_IN_TIME,
    Attempt,
    Delivered,
    Retryable,
    is_past_retry_period,
    next_attempt,
)
from shared.db.pool import Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS

AlertAttempt = Attempt[DueAlert, AlertAttemptOutcome]


async def settle_alerts(pool: Pool, attempts: Sequence[AlertAttempt]) -> None:
    """Stores the outcomes in one transaction. An alert that is no longer queued is skipped."""
    if not attempts:
        return
    now = clock.now()
    final = [Attempt(due, _final_outcome(due, outcome, now)) for due, outcome in attempts]
    async with transaction(pool) as connection:
        settled = await store.settle(connection, [_delivery_outcome(due, outcome, now) for due, outcome in final])
        announcements = []
        for due, outcome in final:
            if due.alert.id in settled and not isinstance(outcome, Retryable):
                at = handled_at(outcome, now)
                STEP_SECONDS.labels("alerted").observe(max(0.0, due.delay(at).total_seconds()))
                announcements.append(announce_handled(due.alert, outcome, at))
        await append(connection, announcements)


def _final_outcome(due: DueAlert, outcome: AlertAttemptOutcome, now: datetime) -> AlertAttemptOutcome:
    return NOT_DELIVERED_IN_TIME if is_past_retry_period(outcome, due.created_at, now) else outcome


def _delivery_outcome(due: DueAlert, outcome: AlertAttemptOutcome, now: datetime) -> AlertDeliveryOutcome:
    if isinstance(outcome, Retryable):
        retry = next_attempt(outcome, due.attempts, now)
        return AlertDeliveryOutcome(due.alert, "queued", retry.reason, retry.attempts, retry.due_at, None)
    status, reason = status_of(outcome)
    sent_with = outcome.sent_with if isinstance(outcome, Delivered) else None
    return AlertDeliveryOutcome(due.alert, status, reason, due.attempts + 1, None, handled_at(outcome, now), sent_with)
