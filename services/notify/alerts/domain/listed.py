"""The alerts of a record as its holder sees them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.notify.kit.kinds import AlertChannel, AlertKind
from shared.errors import InvalidError


class AlertPlaceInvalidError(InvalidError):
    """`before` must be the `next` of an earlier page."""

    code = "alert-place-invalid"
    french = "`before` est le `next` d’une page précédente."


@dataclass(frozen=True, slots=True)
class AlertPlace:
    """A place in the list: alerts before this one follow, the newest first."""

    caused_at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.caused_at:%Y-%m-%dT%H:%M:%S.%fZ}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> "AlertPlace":
        """Returns the place that a text states. Raises AlertPlaceInvalidError."""
        moment, _, id = text.partition("_")
        try:
            caused_at = datetime.fromisoformat(moment)
            place = cls(caused_at, UUID(id))
        except ValueError as error:
            raise AlertPlaceInvalidError from error
        if caused_at.tzinfo is None:
            raise AlertPlaceInvalidError
        return place


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """One alert by one channel. `status`: queued, sent, failed or unwanted; `due_at`: when a queued one is tried."""

    id: UUID
    kind: AlertKind
    channel: AlertChannel
    status: str
    reason: str | None
    caused_at: datetime
    due_at: datetime | None
    handled_at: datetime | None
    document_id: UUID | None

    @property
    def place(self) -> AlertPlace:
        """Its place in the list."""
        return AlertPlace(self.caused_at, self.id)
