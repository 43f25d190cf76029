"""The response with the alerts of a record."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.notify.alerts.usecases.list_alerts import AlertPage
from services.notify.kit.kinds import AlertChannel, AlertKind

_EXAMPLE: JsonValue = {
    "alerts": [
        {
            "id": "019a1b2c-0000-8000-8000-000000000003",
            "kind": "document",
            "channel": "mail",
            "status": "sent",
            "reason": None,
            "caused_at": "2026-11-22T09:31:00Z",
            "due_at": None,
            "handled_at": "2026-11-22T09:31:02Z",
            "document_id": "019a1b2c-0000-8000-8000-000000000001",
        }
    ],
    "next": None,
}


class AlertView(BaseModel):
    """One alert by one channel."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID = Field(description="id of the alert")
    kind: AlertKind = Field(description="what it was about")
    channel: AlertChannel = Field(description="by what it is sent")
    status: Literal["queued", "sent", "failed", "unwanted"] = Field(
        description="unwanted: the preferences have switched it off, or it is about nothing any more"
    )
    reason: str | None = Field(description="code of why it failed or was unwanted; null otherwise")
    caused_at: datetime = Field(description="when that happened which it is about")
    due_at: datetime | None = Field(description="when it is sent next; null if it is not queued")
    handled_at: datetime | None = Field(description="when it was sent, failed or dropped; null while it is queued")
    document_id: UUID | None = Field(description="the document that it was about; null for other kinds")


class AlertsView(BaseModel):
    """A page of alerts, newest first; `next` is the `before` of the following page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})
    alerts: list[AlertView] = Field(description="newest first")
    next: str | None = Field(description="`before` of the following page; null on the last one")

    @classmethod
    def of(cls, page: AlertPage) -> "AlertsView":
        """Returns the view of a page."""
        following = str(page.alerts[-1].place) if page.has_more else None
        return cls(alerts=[AlertView.model_validate(alert) for alert in page.alerts], next=following)
