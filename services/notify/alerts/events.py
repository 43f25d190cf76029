"""Builds the events that announce the end of an alert."""

from datetime import datetime
from typing import Any, NamedTuple

from services.notify.domain import Alert, Delivered, Refused, Send, Unwanted, Withheld
from services.notify.kit.announcements import announce_effect
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.messaging.outbox import Announcement

AlertEnd = Delivered | Refused | Withheld | Unwanted
"""The ends that an alert can come to."""


class AlertStatus(NamedTuple):
    """The stored status of an alert, and its reason where there is one."""

    status: str
    reason: str | None = None


def status_of(end: AlertEnd | Send) -> AlertStatus:
    """Returns the stored status of an alert: `queued`, or the end it has come to."""
    match end:
        case Send():
            return AlertStatus("queued")
        case Delivered():
            return AlertStatus("sent")
        case Refused(reason):
            return AlertStatus("failed", reason)
        case Withheld(reason):
            return AlertStatus("withheld", reason)
        case Unwanted(reason):
            return AlertStatus("unwanted", reason)


def handled_at(end: AlertEnd, now: datetime) -> datetime:
    """Returns when the alert came to this end: when the gateway accepted it, otherwise now."""
    return end.at if isinstance(end, Delivered) else now


def announce_handled(alert: Alert, end: AlertEnd, at: datetime) -> Announcement:
    """Announces the end of an alert. The event has the same id and time whatever the end, since an alert ends once."""
    return announce_effect(_event(alert, end, at), cause=alert, effect="alert-handled")


def _event(alert: Alert, end: AlertEnd, at: datetime) -> AlertEvent:
    fields: dict[str, Any] = {
        "record_id": alert.record_id,
        "alert_id": alert.id,
        "kind": alert.kind,
        "document_id": alert.document_id,
        "deposit_id": alert.deposit_id,
        "caused_by": alert.caused_by,
        "handled_at": at,
    }
    match end:
        case Delivered():
            return AlertSent(**fields, channel=alert.channel)
        case Refused(reason):
            return AlertFailed(**fields, channel=alert.channel, reason=reason)
        case Withheld(reason):
            return AlertWithheld(**fields, reason=reason)
        case Unwanted(reason):
            return AlertUnwanted(**fields, reason=reason)
