"""Events of notify: what became of an alert. No address, no text."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts.base import Code, RecordEvent


class AlertEvent(RecordEvent):
    """One alert of one cause. `alert_id` is derived from the cause, so that an alert exists once."""

    alert_id: UUID
    kind: Literal["document", "consultation"]
    document_id: UUID | None = None
    deposit_id: UUID | None = None
    caused_by: UUID
    handled_at: datetime


class AlertSent(AlertEvent):
    """The channel's server has taken the message."""

    wire: ClassVar[str] = "notify.alert-sent.v1"
    channel: Literal["mail"] = "mail"


class AlertFailed(AlertEvent):
    """The message could not be delivered and will not be tried again."""

    wire: ClassVar[str] = "notify.alert-failed.v1"
    channel: Literal["mail"] = "mail"
    reason: Code


class AlertWithheld(AlertEvent):
    """The person must not be told now (the document is invisible to them)."""

    wire: ClassVar[str] = "notify.alert-withheld.v1"
    reason: Code


class AlertUnwanted(AlertEvent):
    """The person has switched this kind off, or gave no address."""

    wire: ClassVar[str] = "notify.alert-unwanted.v1"
    reason: Code
