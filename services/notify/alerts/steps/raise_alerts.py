"""Raises alerts: decides whether each is sent, queues it for the senders, or announces at once why it is not sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from services.notify.alerts.events import announce_handled, status_of
from services.notify.alerts.store import alert_queue
from services.notify.alerts.store import alerts as store
from services.notify.alerts.store.alert_queue import RaisedAlert
from services.notify.contacts.encryption import decrypt_contact
from services.notify.domain import Alert, Decision, Send, decide
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS


class DecidedAlert(NamedTuple):
    """An alert, and whether it is sent."""

    alert: Alert
    decision: Decision


async def decide_alerts(connection: Connection, alerts: Sequence[Alert], keyring: Keyring) -> list[DecidedAlert]:
    """Decides whether each alert is sent to the recipient of its record. Every record must have a contact.

    Raises KeyUnknownError and ContactUnreadableError.
    """
    recipients = await store.find_recipients(connection, list({alert.record_id for alert in alerts}))
    decided: list[DecidedAlert] = []
    for alert in alerts:
        recipient = recipients[alert.record_id]
        contact = decrypt_contact(keyring, alert.record_id, recipient.sealed, takes_unbound=recipient.takes_unbound)
        decision = decide(alert.kind, alert.audience, contact, recipient.preferences, alert.channel)
        decided.append(DecidedAlert(alert, decision))
    return decided


async def raise_alerts(connection: Connection, decided: Sequence[DecidedAlert], window: timedelta) -> None:
    """Queues alerts that are to be sent and announces the end of all others; skips alerts that exist already.

    `window`: how long after a mail about a record further alerts wait.
    """
    if not decided:
        return
    now = clock.now()
    raised = [RaisedAlert(alert, *status_of(decision)) for alert, decision in decided]
    new = await alert_queue.insert_alerts(connection, raised, now, window)
    announcements = []
    for alert, decision in decided:
        if alert.id in new and not isinstance(decision, Send):
            STEP_SECONDS.labels("alerted").observe((now - alert.caused_at).total_seconds())
            announcements.append(announce_handled(alert, decision, now))
    await append(connection, announcements)
