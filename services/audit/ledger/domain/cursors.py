"""Places in a list of entries. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from shared.errors import InvalidError


class CursorInvalidError(InvalidError):
    """`before` must be the `next` of an earlier answer, or a time such as 2026-11-22T09:30:00Z."""

    code = "cursor-invalid"
    french = "`before` est le `next` d’une réponse précédente, ou une date telle que 2026-11-22T09:30:00Z."


@dataclass(frozen=True, slots=True)
class LedgerCursor:
    """A place in a list of entries; a page holds the entries before it."""

    occurred_at: datetime
    event_id: UUID

    def __str__(self) -> str:
        return f"{self.occurred_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}_{self.event_id}"

    @classmethod
    def parse(cls, text: str) -> "LedgerCursor":
        """Parses the text of a cursor, or a time. Raises CursorInvalidError."""
        time, _, event_id = text.partition("_")
        try:
            # An unescaped plus sign in a URL arrives as a blank.
            parsed = datetime.fromisoformat(time.strip().replace(" ", "+")).astimezone(UTC)
            return cls(parsed, UUID(event_id) if event_id else UUID(int=0))
        except (ValueError, OverflowError) as error:
            raise CursorInvalidError from error
