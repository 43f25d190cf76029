"""Raises alerts: decides who is told, keeps the message for the senders, or says at once why nobody is told."""

from collections.abc import Sequence
from datetime import timedelta

from services.notify.domain import Alert, Decision, Send, decide
from services.notify.events import announce_handled, status_of
from services.notify.sealed import open_contact
from services.notify.store import alert_queue
from services.notify.store import alerts as store
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS

Decided = tuple[Alert, Decision]


async def decide_alerts(connection: Connection, alerts: Sequence[Alert], keyring: Keyring) -> list[Decided]:
    """Who is told, by what is known of each record's person now. Every record's contact must be here."""
    known = await store.find_circumstances(connection, list({alert.record_id for alert in alerts}))
    decided: list[Decided] = []
    for alert in alerts:
        person = known[alert.record_id]
        contact = open_contact(keyring, alert.record_id, person.sealed, takes_unbound=person.takes_unbound)
        decided.append((alert, decide(alert.kind, alert.audience, contact, person.preferences, alert.channel)))
    return decided


async def raise_alerts(connection: Connection, decided: Sequence[Decided], window: timedelta) -> None:
    """Alerts that exist already are passed over. `window`: how long after a mail about a record further ones wait."""
    if not decided:
        return
    now = clock.now()
    kept = [(alert, *status_of(decision)) for alert, decision in decided]
    new = await alert_queue.insert_alerts(connection, kept, now, window)
    announcements = []
    for alert, decision in decided:
        if alert.id in new and not isinstance(decision, Send):
            STEP_SECONDS.labels("alerted").observe((now - alert.caused_at).total_seconds())
            announcements.append(announce_handled(alert, decision, now))
    await append(connection, announcements)
