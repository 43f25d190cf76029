"""How notify says what became of an alert."""

from datetime import datetime
from typing import Any

from services.notify.announcements import announce_effect
from services.notify.domain import Alert, Delivered, Refused, Send, Unwanted, Withheld
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.messaging.outbox import Announcement

Handled = Delivered | Refused | Withheld | Unwanted
"""The ends that an alert can come to."""


def status_of(end: Handled | Send) -> tuple[str, str | None]:
    """The status and reason that are kept."""
    match end:
        case Send():
            return "queued", None
        case Delivered():
            return "sent", None
        case Refused(reason):
            return "failed", reason
        case Withheld(reason):
            return "withheld", reason
        case Unwanted(reason):
            return "unwanted", reason


def handled_at(end: Handled, now: datetime) -> datetime:
    """When the alert came to this end: when the server took it, else when that was decided."""
    return end.at if isinstance(end, Delivered) else now


def announce_handled(alert: Alert, end: Handled, at: datetime) -> Announcement:
    """Says what became of an alert. An alert ends once: its id and time are the same however it ends."""
    return announce_effect(_event(alert, end, at), cause=alert, effect="alert-handled")


def _event(alert: Alert, end: Handled, at: datetime) -> AlertEvent:
    said: dict[str, Any] = {
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
            return AlertSent(**said, channel=alert.channel)
        case Refused(reason):
            return AlertFailed(**said, channel=alert.channel, reason=reason)
        case Withheld(reason):
            return AlertWithheld(**said, reason=reason)
        case Unwanted(reason):
            return AlertUnwanted(**said, reason=reason)
