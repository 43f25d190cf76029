"""The senders' work on alerts of one channel: decided anew when they leave, then handed to its gateway."""

from collections import Counter as Counts
from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import Counter

from services.notify.domain import (
    AwaitingKey,
    Deferred,
    Delivered,
    DueAlert,
    NotTried,
    Outcome,
    Refused,
    Send,
    Unwanted,
    Withheld,
    decide,
)
from services.notify.gateways import Gateway
from services.notify.mails import AddressUnusableError
from services.notify.parcels import make_alert
from services.notify.sealed import ContactUnreadableError, open_contact
from services.notify.store.alert_queue import AlertQueue
from services.notify.usecases.settle_alerts import Result, settle_alerts
from services.notify.usecases.take_due_alerts import take_due_alerts
from shared.crypto.keyring import Keyring, KeyUnknownError
from shared.db.pool import Pool
from shared.runtime import clock, tracing
from shared.runtime.logs import LogEvent, log

MAILS = Counter("notify_mails_total", "Alerts by mail, by what became of the attempt.", ["outcome"])
TEXTS = Counter("notify_alert_sms_total", "Alerts by SMS, by what became of the attempt.", ["outcome"])
LOGGED: tuple[tuple[str, LogEvent], ...] = (
    ("sent", "mail.sent"),
    ("deferred", "mail.deferred"),
    ("failed", "mail.failed"),
    ("not-tried", "mail.deferred"),
)


class AlertWork:
    """The alerts of one queue, from `sender` to whoever the record's contact is now."""

    def __init__(self, queue: AlertQueue, sender: str, keyring: Keyring) -> None:
        self.wakes_on = queue.notification
        self._queue = queue
        self._sender = sender
        self._keyring = keyring

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[DueAlert]:
        """The longest due first."""
        return await take_due_alerts(pool, self._queue, limit, held_for)

    async def attempt(self, gateway: Gateway, due: DueAlert) -> Outcome:
        """Decided anew: the person, the address, the choices and who may know of the document are those of now."""
        alert, known = due.alert, due.circumstances
        if due.document_end is not None:
            return Withheld(due.document_end)
        if known is None:
            return Unwanted("no-address")
        try:
            contact = open_contact(self._keyring, alert.record_id, known.sealed, takes_unbound=known.takes_unbound)
            decision = decide(alert.kind, alert.audience, contact, known.preferences, alert.channel)
            if not isinstance(decision, Send):
                return decision
            parcel = make_alert(alert, contact, self._sender, tracing.continued(alert.trace), clock.now())
        except KeyUnknownError:
            return AwaitingKey()
        except ContactUnreadableError:
            return Deferred("contact-unreadable")  # a newer contact may come
        except AddressUnusableError as error:
            return Refused(error.code)
        return await gateway.send(parcel)

    async def settle(self, pool: Pool, results: Sequence[Result]) -> None:
        """Written down, announced, counted."""
        await settle_alerts(pool, results)
        counts = Counts(name_of(outcome) for _, outcome in results)
        for name, count in counts.items():
            (MAILS if self._queue.channel == "mail" else TEXTS).labels(name).inc(count)
        for name, event in LOGGED:
            if counts[name]:
                log(event, count=counts[name])


def name_of(outcome: object) -> str:
    """What an attempt is called in metrics."""
    match outcome:
        case Delivered():
            return "sent"
        case Refused():
            return "failed"
        case Deferred() | AwaitingKey():
            return "deferred"
        case NotTried():
            return "not-tried"
        case _:
            return "not-sent"
