"""The senders' work on alerts of one channel: decided anew when they leave, then handed to its gateway."""

from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter

from services.notify.domain import (
    EMERGENCY_KINDS,
    Alert,
    Answer,
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
    """The alerts of one queue, from `sender` to whoever the record's contact is now. `gathers`: whether those of one
    kind about one record that are due together leave as one message."""

    def __init__(self, queue: AlertQueue, sender: str, keyring: Keyring, *, gathers: bool) -> None:
        self.wakes_on = queue.notification
        self._queue = queue
        self._sender = sender
        self._keyring = keyring
        self._gathers = gathers

    async def take(self, pool: Pool, limit: int, held_for: timedelta) -> list[tuple[DueAlert, ...]]:
        """The longest due, in the groups that leave as one message."""
        due = await take_due_alerts(pool, self._queue, limit, held_for)
        return group_alerts(due) if self._gathers else [(one,) for one in sorted(due, key=lambda one: one.created_at)]

    async def attempt(self, gateway: Gateway, group: tuple[DueAlert, ...]) -> list[Outcome]:
        """Decided anew: the person, the address, the choices and who may know of the documents are those of now.

        What may still be told is counted and told in one message, under the id of the newest.
        """
        outcomes = [self._decide(due) for due in group]
        contacts = [outcome.contact for outcome in outcomes if isinstance(outcome, Send)]
        if not contacts:
            return [outcome for outcome in outcomes if not isinstance(outcome, Send)]
        newest = group[-1].alert
        try:
            trace = tracing.continued(newest.trace)
            parcel = make_alert(newest, contacts[0], self._sender, trace, clock.now(), len(contacts))
        except AddressUnusableError as error:
            answer: Answer = Refused(error.code)
        else:
            answer = await gateway.send(parcel)
        return [
            _share(answer, newest, due.alert) if isinstance(outcome, Send) else outcome
            for due, outcome in zip(group, outcomes, strict=True)
        ]

    def _decide(self, due: DueAlert) -> Send | Outcome:
        alert, known = due.alert, due.circumstances
        if due.document_end is not None:
            return Withheld(due.document_end)
        if known is None:
            return Unwanted("no-address")
        try:
            contact = open_contact(self._keyring, alert.record_id, known.sealed, takes_unbound=known.takes_unbound)
        except KeyUnknownError:
            return AwaitingKey()
        except ContactUnreadableError:
            return Deferred("contact-unreadable")  # a newer contact may come
        return decide(alert.kind, alert.audience, contact, known.preferences, alert.channel)

    async def settle(self, pool: Pool, results: Sequence[Result]) -> None:
        """Written down, announced, counted."""
        await settle_alerts(pool, results)
        counts = Counts(name_of(outcome) for _, outcome in results)
        for name, count in counts.items():
            (MAILS if self._queue.channel == "mail" else TEXTS).labels(name).inc(count)
        for name, event in LOGGED:
            if counts[name]:
                log(event, count=counts[name])


def group_alerts(due: Iterable[DueAlert]) -> list[tuple[DueAlert, ...]]:
    """The alerts that leave in one message: those of one kind about one record; each emergency is by itself.

    The newest comes last and lends the message its id: the same message that is handed over again carries the same id,
    one that tells of more another. All count as tried as often as the one that was tried most: they stay together.
    """
    groups: dict[tuple[UUID, str], list[DueAlert]] = {}
    for one in sorted(due, key=lambda one: (one.created_at, one.alert.id)):
        alert = one.alert
        key = (alert.id, "") if alert.kind in EMERGENCY_KINDS else (alert.record_id, alert.kind)
        groups.setdefault(key, []).append(one)
    most = {key: max(one.attempts for one in group) for key, group in groups.items()}
    return [tuple(replace(one, attempts=most[key]) for one in group) for key, group in groups.items()]


def _share(answer: Answer, newest: Alert, alert: Alert) -> Answer:
    """What the answer to a message under the id of `newest` means for one of the alerts that it told of."""
    if isinstance(answer, Delivered) and alert.id != newest.id:
        return replace(answer, sent_with=newest.id)
    return answer


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
