"""Sends the alerts of one queue: decides again whether to send each, then delivers them through a gateway."""

from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import get_args

from prometheus_client import Counter

from services.notify.alerts.adapters import outgoing_alert
from services.notify.alerts.domain.alerts import (
    Alert,
    AlertAttemptOutcome,
    DueAlert,
    Send,
    Unwanted,
    Withheld,
    decide,
    group_alerts,
)
from services.notify.alerts.store import alert_queue
from services.notify.alerts.store.alert_queue import AlertQueue
from services.notify.alerts.usecases.settle_alerts import AlertAttempt, settle_alerts
from services.notify.contacts.adapters import ContactUnreadableError, decrypt_contact
from services.notify.delivery.domain import (
    AddressUnusableError,
    AwaitingKey,
    Deferred,
    Delivered,
    GatewayAnswer,
    Refused,
)
from services.notify.delivery.steps.delivery_loop import Gateway
from services.notify.delivery.steps.outcome_log import OUTCOMES, log_outcomes, outcome_label
from services.notify.delivery.steps.traced_send import send_traced
from services.notify.kit.kinds import ALERT_CHANNELS, AlertKind
from services.notify.kit.sender import SenderDetails
from shared.crypto.keyring import Keyring, KeyUnknownError
from shared.db.pool import Pool
from shared.runtime import clock, tracing
from shared.runtime.metrics import start_at_zero

DELIVERIES = Counter(
    "notify_deliveries_total",
    "Attempts to deliver alerts, by kind, channel and outcome.",
    ["kind", "channel", "outcome"],
)


def start_metrics() -> None:
    """Shows the deliveries of every kind by every channel at zero."""
    start_at_zero(DELIVERIES, get_args(AlertKind), ALERT_CHANNELS, OUTCOMES)


class AlertSender:
    """Sends the alerts of one queue to the current contacts of their records.

    `sender`: the service as its messages name it. `merges_alerts`: whether alerts of one kind about one record that
    are due together are sent as one message.
    """

    def __init__(self, queue: AlertQueue, sender: SenderDetails, keyring: Keyring, *, merges_alerts: bool) -> None:
        self.notification = queue.notification
        self._queue = queue
        self._sender = sender
        self._keyring = keyring
        self._merges_alerts = merges_alerts

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[tuple[DueAlert, ...]]:
        """Takes the `limit` longest due alerts, each with all other due alerts of its kind about its record, in groups
        that are sent as one message."""
        now = clock.now()
        async with pool.acquire() as connection:
            due = await alert_queue.take_due(connection, self._queue, now, limit, now + held_for)
        if self._merges_alerts:
            return group_alerts(due)
        return [(due_alert,) for due_alert in sorted(due, key=lambda due_alert: due_alert.created_at)]

    async def attempt(self, gateway: Gateway, group: tuple[DueAlert, ...]) -> list[AlertAttemptOutcome]:
        """Decides again by the current contact, preferences and labels, then sends one message under the newest id.

        The message counts only the alerts that may still be sent. Returns an outcome for each alert, in the order of
        the group.
        """
        outcomes = [self._decide(due) for due in group]
        contacts = [outcome.contact for outcome in outcomes if isinstance(outcome, Send)]
        if not contacts:
            return [outcome for outcome in outcomes if not isinstance(outcome, Send)]
        newest = group[-1].alert
        try:
            trace = tracing.continued(newest.trace)
            message = outgoing_alert(newest, contacts[0], self._sender, trace, clock.now(), len(contacts))
        except AddressUnusableError as error:
            answer: GatewayAnswer = Refused(error.code)
        else:
            answer = await send_traced(gateway, self._queue.channel, message, newest.trace)
        return [
            _answer_for(answer, newest, due.alert) if isinstance(outcome, Send) else outcome
            for due, outcome in zip(group, outcomes, strict=True)
        ]

    def _decide(self, due: DueAlert) -> Send | AlertAttemptOutcome:
        alert, recipient = due.alert, due.recipient
        if due.document_end is not None:
            return Withheld(due.document_end)
        if recipient is None:
            return Unwanted("no-address")
        try:
            contact = decrypt_contact(
                self._keyring, alert.record_id, recipient.sealed, takes_unbound=recipient.takes_unbound
            )
        except KeyUnknownError:
            return AwaitingKey()
        except ContactUnreadableError:
            return Deferred("contact-unreadable")  # a newer contact may arrive
        return decide(alert.kind, alert.audience, contact, recipient.preferences, alert.channel)

    async def settle(self, pool: Pool, attempts: Sequence[AlertAttempt]) -> None:
        """Stores, announces and counts the outcomes."""
        await settle_alerts(pool, attempts)
        labels = [(due.alert.kind, outcome_label(outcome)) for due, outcome in attempts]
        for (kind, label), count in Counts(labels).items():
            DELIVERIES.labels(kind, self._queue.channel, label).inc(count)
        log_outcomes(self._queue.channel, (label for _, label in labels))


def _answer_for(answer: GatewayAnswer, newest: Alert, alert: Alert) -> GatewayAnswer:
    """Returns the answer for one alert of a message that carried the id of `newest`."""
    if isinstance(answer, Delivered) and alert.id != newest.id:
        return replace(answer, sent_with=newest.id)
    return answer
