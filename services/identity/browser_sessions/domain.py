"""How long a session in a browser lasts, and where a browser may be sent back to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shared.errors import NotAuthenticatedError

IDLE: Final = timedelta(minutes=15)
"""The pause that ends a session on a device that is not the person's own."""
LONGEST: Final = timedelta(hours=12)
"""The longest session on a device that is not the person's own, and of a professional."""


class BrowserSessionOverError(NotAuthenticatedError):
    """You were signed out, or were away for too long. Sign in again."""

    code = "browser-session-over"
    french = "Votre session est terminée, ou la pause a été trop longue. Connectez-vous de nouveau."


@dataclass(frozen=True, slots=True)
class SessionLife:
    """The pause that ends a session, and its longest duration. `is_kept`: on a device of the person's own."""

    idle: timedelta
    longest: timedelta
    is_kept: bool = False

    def end_of(self, now: datetime, ends_at: datetime) -> datetime:
        """Returns when the session ends unless it is used again."""
        return min(now + self.idle, ends_at)


SHARED_DEVICE: Final = SessionLife(IDLE, LONGEST)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session in a browser: of the holder of a record on a device, or of a professional."""

    id: UUID
    record_id: UUID | None
    device_id: UUID | None
    professional_id: str | None
    organisation_id: str | None
    is_kept: bool
    started_at: datetime
    expires_at: datetime
    ends_at: datetime
