"""Events of notify: the outcome of alerts. They contain no address and no text."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import OPEN, Code, Event, RecordEvent


class MessageRequested(Event):
    """A request to send a code, notice or letter to a person. Topic `notify.requests.v1`, written by other services.

    `kind` names the text, which notify keeps. Plain text of `sealed` (JWE for notify): JSON `{"to": {"mail": str} |
    {"mobile": str} | {"address": [str, ...]}, "language": "fr" | "en", "values": {str: str}}`. The protected header
    binds it to the request: `cty` is `request;id=<request_id>`. It is not sent after `expires_at`. Each `request_id` is
    sent once.
    """

    ce_type: ClassVar[str] = "notify.message-requested.v1"
    request_id: UUID
    record_id: UUID | None = None
    channel: Literal["mail", "sms", "letter"]
    kind: Code
    sealed: str = Field(min_length=1, max_length=8192)
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        """The record id, or the request id when no record exists yet."""
        return str(self.record_id or self.request_id)


class AlertEvent(RecordEvent):
    """One alert for one cause by one channel. `alert_id` is derived from both, so that an alert exists once."""

    alert_id: UUID
    kind: Annotated[Literal["document", "consultation", "emergency", "emergency-follow-up", "history"], OPEN]
    document_id: UUID | None = None
    deposit_id: UUID | None = None
    caused_by: UUID
    handled_at: datetime


class AlertSent(AlertEvent):
    """The server of the channel has accepted the message."""

    ce_type: ClassVar[str] = "notify.alert-sent.v1"
    channel: Annotated[Literal["mail", "sms"], OPEN] = "mail"


class AlertFailed(AlertEvent):
    """The message could not be delivered and will not be tried again."""

    ce_type: ClassVar[str] = "notify.alert-failed.v1"
    channel: Annotated[Literal["mail", "sms"], OPEN] = "mail"
    reason: Code


class AlertWithheld(AlertEvent):
    """The person must not be notified now (the document is invisible to them)."""

    ce_type: ClassVar[str] = "notify.alert-withheld.v1"
    reason: Code


class AlertUnwanted(AlertEvent):
    """The person has switched off this kind of alert, or gave no address."""

    ce_type: ClassVar[str] = "notify.alert-unwanted.v1"
    reason: Code
